//! Conditions as DynamoDB's expressions.
//!
//! Names and values always go by placeholder: an attribute may be called like a reserved word, or have a dot in it.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use ports::Condition;

use super::convert::attribute;

/// The attribute that every item has.
const ANY: &str = "pk";

/// An expression and its placeholders, each absent when it would be empty, which DynamoDB refuses.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Expression {
    pub(super) text: Option<String>,
    pub(super) names: Option<HashMap<String, String>>,
    pub(super) values: Option<HashMap<String, AttributeValue>>,
}

impl Expression {
    /// All of these conditions.
    pub(super) fn all(conditions: &[Condition]) -> Self {
        let mut names = HashMap::new();
        let mut values = HashMap::new();
        let mut terms = Vec::new();
        for (i, condition) in conditions.iter().enumerate() {
            let name = match condition {
                Condition::Exists | Condition::Absent => ANY,
                Condition::Equals(name, _) | Condition::Lacks(name) => name,
            };
            names.insert(format!("#n{i}"), name.to_owned());
            terms.push(match condition {
                Condition::Exists => format!("attribute_exists(#n{i})"),
                Condition::Absent | Condition::Lacks(_) => format!("attribute_not_exists(#n{i})"),
                Condition::Equals(_, value) => {
                    values.insert(format!(":v{i}"), attribute(value));
                    format!("#n{i} = :v{i}")
                }
            });
        }
        Self {
            text: (!terms.is_empty()).then(|| terms.join(" AND ")),
            names: (!names.is_empty()).then_some(names),
            values: (!values.is_empty()).then_some(values),
        }
    }

    /// The same, but never without a text, which a condition check must have.
    pub(super) fn or_always(self) -> Self {
        match self.text {
            Some(_) => self,
            None => Self {
                text: Some("attribute_exists(#n) OR attribute_not_exists(#n)".to_owned()),
                names: Some(HashMap::from([("#n".to_owned(), ANY.to_owned())])),
                values: None,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;

    #[test]
    fn conditions_are_joined_by_and() {
        let conditions =
            [Condition::Exists, Condition::Equals("size".into(), json!(3)), Condition::Lacks("a.b".into())];
        let expression = Expression::all(&conditions);
        assert_eq!(expression.text.unwrap(), "attribute_exists(#n0) AND #n1 = :v1 AND attribute_not_exists(#n2)");
        assert_eq!(expression.names.unwrap()["#n2"], "a.b");
        assert_eq!(expression.values.unwrap(), HashMap::from([(":v1".to_owned(), AttributeValue::N("3".into()))]));
    }

    #[test]
    fn no_condition_is_no_expression() {
        assert_eq!(Expression::all(&[]), Expression::default());
        assert_eq!(Expression::all(&[Condition::Absent]).values, None);
    }
}
