//! AWS in our own types: what it has, as far as the product looks at it, and every call that the product makes.
//!
//! A kind of resource is a file under [`ec2`] or [`elbv2`]: its struct, its reading and its mutating calls, and what each
//! call says of itself. Never: sends anything, and knows nothing of what is wanted or whose a thing is.

pub mod id;
mod reference;
mod words;

pub mod ec2;
pub mod elbv2;

mod request;
mod operation;
mod error;

pub use self::error::{CloudError, ErrorKind, kind_of, unknown_kind};
pub use self::operation::{Bucket, Calls, Operation, Service};
pub use self::reference::{ActionId, AnyRef, Ref, ResourceId, ResourceKind, Unresolved};
pub use self::request::{Effect, Filter, Page, Read, ReadCall, Reply, Request, Tags, Write, WriteCall};
