//! The written forms of the record's texts: ids, names and the like, one row each.
//!
//! In: nothing. Out: the JSON Schema of each form: `title` is its noun, `pattern` its rule, `examples` what to write,
//! `x-written` the rule in words where the noun does not have them, `x-source` the AWS page that sets it.
//! [`crate::structure`] checks and words its messages from these: a rule is written once, and editors show it too.
//! Patterns stay within what both Rust's `regex-lite` and ECMAScript (editors) know: no `\p`, no lookahead.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

/// Beginnings that AWS keeps for itself, so that a name with one is refused although it has the right letters.
pub(crate) const REFUSED_PREFIXES: &str = "x-refusedPrefixes";
/// A pattern in words.
pub(crate) const WRITTEN: &str = "x-written";
/// The AWS page that sets a rule.
pub(crate) const SOURCE: &str = "x-source";

macro_rules! forms {
    ($($(#[$doc:meta])* $name:ident, $noun:literal, $pattern:literal, $example:literal
        $(, not $($prefix:literal)+)? $(, written $written:literal)? $(, from $source:literal)?;)*) => {$(
        $(#[$doc])*
        pub(crate) struct $name;

        impl JsonSchema for $name {
            fn inline_schema() -> bool {
                true
            }
            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }
            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                #[allow(unused_mut, reason = "only some rows have more than the four")]
                let mut schema = json_schema!({
                    "type": "string",
                    "title": $noun,
                    "pattern": $pattern,
                    "examples": [$example],
                });
                $(
                    let prefixes = [$($prefix),+];
                    schema.insert(REFUSED_PREFIXES.into(), prefixes.to_vec().into());
                    schema.insert("not".into(), serde_json::json!({ "pattern": format!("^({})", prefixes.join("|")) }));
                )?
                $(schema.insert(WRITTEN.into(), $written.into());)?
                $(schema.insert(SOURCE.into(), $source.into());)?
                schema
            }
        }
    )*};
}

forms! {
    /// Names of AWS resources are made from it: `<name>-alb` has to fit the 32 characters of a load balancer's name.
    EnvironmentName, "an environment's name (a-z, 0-9 and `-`, at most 28, no `-` at either end)",
        r"^[a-z0-9]([a-z0-9-]{0,26}[a-z0-9])?$", "chatmrpt-staging", not "internal-" "sg-";
    ServiceName, "a service's name (a-z, 0-9 and `-`, at most 28, no `-` at either end)",
        r"^[a-z0-9]([a-z0-9-]{0,26}[a-z0-9])?$", "web";
    LoadBalancerName, "a load balancer's name (letters, digits and `-`, at most 32, no `-` at either end)",
        r"^[A-Za-z0-9]([A-Za-z0-9-]{0,30}[A-Za-z0-9])?$", "chatmrpt-staging-alb", not "internal-",
        from "https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_CreateLoadBalancer.html";
    TargetGroupName, "a target group's name (letters, digits and `-`, at most 32, no `-` at either end)",
        r"^[A-Za-z0-9]([A-Za-z0-9-]{0,30}[A-Za-z0-9])?$", "chatmrpt-staging-targets",
        from "https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_CreateTargetGroup.html";
    SecurityGroupName, "a security group's name (letters, digits, spaces and ._-:/()#,@[]+=&;{}!$*, at most 255)",
        r"^[A-Za-z0-9._\-:/()#,@\[\]+=&;{}!$*]([A-Za-z0-9 ._\-:/()#,@\[\]+=&;{}!$*]{0,253}[A-Za-z0-9._\-:/()#,@\[\]+=&;{}!$*])?$",
        "chatmrpt-staging-alb-sg", not "sg-",
        from "https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateSecurityGroup.html";
    /// Also partitions with longer letters, as in `eusc-de-east-1`.
    Region, "a region", r"^[a-z]{2,4}(-[a-z]+)+-[0-9]{1,2}$", "us-east-2",
        written "two to four letters, then one or more words and a number of one or two digits, each after a `-`";
    VpcId, "a VPC id", r"^vpc-([0-9a-f]{8}|[0-9a-f]{17})$", "vpc-0123456789abcdef0",
        written "`vpc-`, then 8 or 17 of 0-9 and a-f";
    SubnetId, "a subnet id", r"^subnet-([0-9a-f]{8}|[0-9a-f]{17})$", "subnet-0123456789abcdef0",
        written "`subnet-`, then 8 or 17 of 0-9 and a-f";
    SecurityGroupId, "a security group id", r"^sg-([0-9a-f]{8}|[0-9a-f]{17})$", "sg-0123456789abcdef0",
        written "`sg-`, then 8 or 17 of 0-9 and a-f";
    AmiId, "an AMI id", r"^ami-([0-9a-f]{8}|[0-9a-f]{17})$", "ami-0fa4480bc2fe38b14",
        written "`ami-`, then 8 or 17 of 0-9 and a-f";
    InstanceId, "an instance id", r"^i-([0-9a-f]{8}|[0-9a-f]{17})$", "i-0994615951d0b9563",
        written "`i-`, then 8 or 17 of 0-9 and a-f";
    PrefixListId, "a prefix list id", r"^pl-([0-9a-f]{8}|[0-9a-f]{17})$", "pl-0123456789abcdef0",
        written "`pl-`, then 8 or 17 of 0-9 and a-f";
    InstanceType, "an instance type", r"^[a-z][a-z0-9-]*\.[a-z0-9-]+$", "t3.medium",
        written "family and size with a `.` between them, of a-z, 0-9 and `-`",
        from "https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instance-type-names.html";
    KeyName, "a key pair's name (ASCII, at most 255, no space at either end)",
        r"^[!-~]([ -~]{0,253}[!-~])?$", "chatmrpt-key",
        from "https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateKeyPair.html";
    InstanceProfileName, "an instance profile's name (its name, not its ARN)",
        r"^[A-Za-z0-9_+=,.@-]{1,128}$", "chatmrpt-staging",
        written "letters, digits and `_+=,.@-`, at most 128",
        from "https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateInstanceProfile.html";
    DeviceName, "a device name", r"^(/dev/)?(sd|xvd|hd)[a-z]{1,2}[0-9]{0,2}$", "/dev/xvda",
        written "`sd`, `xvd` or `hd`, then one or two letters, then up to two digits; `/dev/` may stand before it",
        from "https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/device_naming.html";
    HealthCheckPath, "a path (`/` first, no spaces, at most 1024)", r"^/[!-~]{0,1023}$", "/health",
        from "https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_CreateTargetGroup.html";
    Arn, "an ARN", r"^arn:aws[a-z-]*:[a-z0-9-]+:[a-z0-9-]*:[0-9]*:.+$",
        "arn:aws:elasticloadbalancing:us-east-2:123456789012:loadbalancer/app/web/50dc6c495c0c9188",
        written "`arn:aws`, service, region, account and resource, with a `:` between them";
}
