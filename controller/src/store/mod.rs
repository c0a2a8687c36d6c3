//! The record store on DynamoDB: one table, on AWS, on any endpoint that speaks its protocol, or embedded.
//!
//! In: [`aws_config::SdkConfig`] and a table's name. Out: [`ports::RecordStore`] and its errors.
//! Never: knows what an item means, decides anything, or lets a type of the SDK out.
//! Start at [`dynamodb`], then `convert` (values), `condition` (expressions), `classify` (errors);
//! [`table`] makes the table; the tests have a DynamoDB that needs no account.

pub mod dynamodb;
#[cfg(test)]
mod embedded;
pub mod table;

mod classify;
mod condition;
mod convert;

#[cfg(test)]
mod tests;

pub use dynamodb::DynamoDb;
