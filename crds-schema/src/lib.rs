//! The `StagingEnvironment` record: its types, their defaults, validation and JSON Schema.
//!
//! In: a document (YAML, JSON, or a DynamoDB item as JSON). Out: a [`StagingEnvironment`] in which every default is
//! filled in, or every fault at once, each with its path and what to write instead.
//! Never: talks to AWS, reads a clock, or does by the record what the controller does. What an edit does is said at each
//! field all the same ([`OnEdit`]), for people; the planner's tests hold it to the truth.
//! Start at [`spec`] for the fields; [`read_documents`], then [`Document::parse`], is the way in; [`parse`]
//! is for what has no text.

pub mod spec;

pub mod limits;
pub mod scalar;
pub mod user_data;

mod forms;
mod texts;

mod schema;

mod on_edit;
pub mod reference;

mod document;
mod validate;
mod written;

mod fault;
mod meant;
mod rules;
mod structure;
mod wording;

mod hash;

pub use document::{Document, UnreadableYaml, read_documents};
pub use fault::Fault;
pub use hash::spec_hash;
pub use on_edit::OnEdit;
pub use scalar::{Amount, Cidr, SpecDuration};
pub use schema::{SCHEMA_ID, json_schema};
pub use spec::{Spec, StagingEnvironment};
pub use validate::{parse, parse_accepted};
