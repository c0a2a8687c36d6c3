//! The security policies that AWS has for HTTPS listeners.
//!
//! <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/describe-ssl-policies.html>, without those for FIPS and
//! those that combine post-quantum key exchange with older protocols. Nothing is negotiated here, so only the names matter.

/// The policy of a listener whose caller names none.
pub(crate) const DEFAULT: &str = "ELBSecurityPolicy-2016-08";

/// A policy: what it negotiates, the strongest first.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Policy {
    pub name: &'static str,
    pub protocols: &'static [&'static str],
    /// Parts of its list of ciphers, in order.
    ciphers: &'static [&'static [&'static str]],
}

const TLS_13: &[&str] = &["TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"];
const EC_128_GCM: &[&str] = &["ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-RSA-AES128-GCM-SHA256"];
const EC_128_CBC: &[&str] = &["ECDHE-ECDSA-AES128-SHA256", "ECDHE-RSA-AES128-SHA256"];
const EC_128_SHA: &[&str] = &["ECDHE-ECDSA-AES128-SHA", "ECDHE-RSA-AES128-SHA"];
const EC_256_GCM: &[&str] = &["ECDHE-ECDSA-AES256-GCM-SHA384", "ECDHE-RSA-AES256-GCM-SHA384"];
const EC_256_CBC: &[&str] = &["ECDHE-ECDSA-AES256-SHA384", "ECDHE-RSA-AES256-SHA384"];
const EC_256_SHA: &[&str] = &["ECDHE-RSA-AES256-SHA", "ECDHE-ECDSA-AES256-SHA"];
const RSA: &[&str] = &["AES128-GCM-SHA256", "AES128-SHA256", "AES256-GCM-SHA384", "AES256-SHA256"];
const RSA_ALL: &[&str] =
    &["AES128-GCM-SHA256", "AES128-SHA256", "AES128-SHA", "AES256-GCM-SHA384", "AES256-SHA256", "AES256-SHA"];

const V1_2: &[&str] = &["TLSv1.2"];
const V1_3: &[&str] = &["TLSv1.3"];
const FROM_1_1: &[&str] = &["TLSv1.1", "TLSv1.2"];
const FROM_1_0: &[&str] = &["TLSv1", "TLSv1.1", "TLSv1.2"];
const V1_2_AND_1_3: &[&str] = &["TLSv1.2", "TLSv1.3"];
const FROM_1_1_TO_1_3: &[&str] = &["TLSv1.1", "TLSv1.2", "TLSv1.3"];
const FROM_1_0_TO_1_3: &[&str] = &["TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"];

const STRICT: &[&[&str]] = &[TLS_13, EC_128_GCM, EC_256_GCM];
const FORWARD: &[&[&str]] = &[TLS_13, EC_128_GCM, EC_128_CBC, EC_256_GCM, EC_256_CBC];
const FORWARD_AND_RSA: &[&[&str]] = &[TLS_13, EC_128_GCM, EC_128_CBC, EC_256_GCM, EC_256_CBC, RSA];
const EVERY: &[&[&str]] = &[TLS_13, EC_128_GCM, EC_128_CBC, EC_128_SHA, EC_256_GCM, EC_256_CBC, EC_256_SHA, RSA_ALL];
const OLD: &[&[&str]] = &[EC_128_GCM, EC_128_CBC, EC_128_SHA, EC_256_GCM, EC_256_CBC, EC_256_SHA, RSA_ALL];
const OLD_1_2: &[&[&str]] = &[EC_128_GCM, EC_128_CBC, EC_256_GCM, EC_256_CBC, RSA];
const OLD_FORWARD: &[&[&str]] = &[EC_128_GCM, EC_128_CBC, EC_128_SHA, EC_256_GCM, EC_256_CBC, EC_256_SHA];
const OLD_STRICT: &[&[&str]] = &[EC_128_GCM, EC_128_CBC, EC_256_GCM, EC_256_CBC];

const fn policy(
    name: &'static str,
    protocols: &'static [&'static str],
    ciphers: &'static [&'static [&'static str]],
) -> Policy {
    Policy { name, protocols, ciphers }
}

/// All of them.
pub(crate) const ALL: &[Policy] = &[
    policy("ELBSecurityPolicy-2015-05", FROM_1_0, OLD),
    policy(DEFAULT, FROM_1_0, OLD),
    policy("ELBSecurityPolicy-FS-1-1-2019-08", FROM_1_1, OLD_FORWARD),
    policy("ELBSecurityPolicy-FS-1-2-2019-08", V1_2, OLD_FORWARD),
    policy("ELBSecurityPolicy-FS-1-2-Res-2019-08", V1_2, OLD_STRICT),
    policy("ELBSecurityPolicy-FS-1-2-Res-2020-10", V1_2, &[EC_128_GCM, EC_256_GCM]),
    policy("ELBSecurityPolicy-FS-2018-06", FROM_1_0, OLD_FORWARD),
    policy("ELBSecurityPolicy-TLS-1-1-2017-01", FROM_1_1, OLD),
    policy("ELBSecurityPolicy-TLS-1-2-2017-01", V1_2, OLD_1_2),
    policy("ELBSecurityPolicy-TLS-1-2-Ext-2018-06", V1_2, OLD),
    policy("ELBSecurityPolicy-TLS13-1-0-2021-06", FROM_1_0_TO_1_3, EVERY),
    policy("ELBSecurityPolicy-TLS13-1-1-2021-06", FROM_1_1_TO_1_3, EVERY),
    policy("ELBSecurityPolicy-TLS13-1-2-2021-06", V1_2_AND_1_3, FORWARD),
    policy("ELBSecurityPolicy-TLS13-1-2-Ext1-2021-06", V1_2_AND_1_3, FORWARD_AND_RSA),
    policy("ELBSecurityPolicy-TLS13-1-2-Ext2-2021-06", V1_2_AND_1_3, EVERY),
    policy("ELBSecurityPolicy-TLS13-1-2-PQ-2025-09", V1_2_AND_1_3, FORWARD),
    policy("ELBSecurityPolicy-TLS13-1-2-Res-2021-06", V1_2_AND_1_3, STRICT),
    policy("ELBSecurityPolicy-TLS13-1-2-Res-PQ-2025-09", V1_2_AND_1_3, STRICT),
    policy("ELBSecurityPolicy-TLS13-1-3-2021-06", V1_3, &[TLS_13]),
    policy("ELBSecurityPolicy-TLS13-1-3-PQ-2025-09", V1_3, &[TLS_13]),
];

impl Policy {
    /// Its ciphers, the preferred one first.
    pub fn ciphers(&self) -> impl Iterator<Item = &'static str> {
        self.ciphers.iter().flat_map(|part| part.iter().copied())
    }
}

/// The policy of that name.
pub(crate) fn find(name: &str) -> Option<&'static Policy> {
    ALL.iter().find(|policy| policy.name == name)
}
