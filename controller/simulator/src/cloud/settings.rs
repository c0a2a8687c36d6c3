//! What can be set on an instance that the product neither sets nor looks at, and what a type's default for it is.
//!
//! It is shared between the copies of a world and of an instance, so that it costs the product nothing.

use std::time::Duration;

use aws_api::Tags;

/// How an instance came to be: what no call changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Origin {
    /// One for all that a RunInstances made.
    pub reservation: String,
    /// Its place among them.
    pub index: u32,
    /// When it was launched, however often it was started since.
    pub at: Duration,
    /// The device of its root volume.
    pub root_device: Option<String>,
}

/// What an instance does when its operating system shuts down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OnShutdown {
    Stop,
    Terminate,
}

impl OnShutdown {
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "stop" => Some(Self::Stop),
            "terminate" => Some(Self::Terminate),
            _ => None,
        }
    }

    pub fn word(self) -> &'static str {
        match self {
            Self::Stop => "stop",
            Self::Terminate => "terminate",
        }
    }
}

/// How a burstable instance pays for CPU beyond its baseline.
/// <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/burstable-performance-instances.html>
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Credits {
    Standard,
    Unlimited,
}

impl Credits {
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "standard" => Some(Self::Standard),
            "unlimited" => Some(Self::Unlimited),
            _ => None,
        }
    }

    pub fn word(self) -> &'static str {
        match self {
            Self::Standard => "standard",
            Self::Unlimited => "unlimited",
        }
    }

    /// That of a type for which none was chosen; `None`: the type is not burstable.
    pub fn of_type(instance_type: &str) -> Option<Self> {
        match instance_type.split('.').next() {
            Some("t1" | "t2") => Some(Self::Standard),
            Some("t3" | "t3a" | "t4g") => Some(Self::Unlimited),
            Some(_) | None => None,
        }
    }
}

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Settings {
    /// Detailed monitoring.
    pub monitoring: bool,
    pub ebs_optimized: bool,
    /// Stop protection (`disableApiStop`).
    pub stop_protected: bool,
    pub on_shutdown: OnShutdown,
    pub source_dest_check: bool,
    /// As chosen; absent: as its type has it.
    pub credits: Option<Credits>,
    pub metadata: Metadata,
    /// Of its network interface.
    pub interface_description: String,
    /// Of its network interface.
    pub interface_tags: Tags,
}

/// Of the instance metadata service, beside tokens and hop limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Metadata {
    pub endpoint: bool,
    pub ipv6: bool,
    pub tags: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            monitoring: false,
            ebs_optimized: false,
            stop_protected: false,
            on_shutdown: OnShutdown::Stop,
            source_dest_check: true,
            credits: None,
            metadata: Metadata { endpoint: true, ipv6: false, tags: false },
            interface_description: String::new(),
            interface_tags: Tags::new(),
        }
    }
}
