//! Conditions of rules, as a call gives them and as an answer shows them.
//!
//! <https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_RuleCondition.html>

use serde::{Deserialize, Serialize};

use crate::cloud::conditions::Condition;
use crate::cloud::world::{Outcome, refuse};

/// A condition. Its field says which of its parts it has.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ConditionItem {
    field: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    values: Vec<String>,
    host_header_config: Option<Values>,
    path_pattern_config: Option<Values>,
    http_header_config: Option<HttpHeader>,
    query_string_config: Option<QueryString>,
    http_request_method_config: Option<Values>,
    source_ip_config: Option<Values>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Values {
    #[serde(default)]
    values: Vec<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct HttpHeader {
    #[serde(default)]
    http_header_name: String,
    #[serde(default)]
    values: Vec<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct QueryString {
    #[serde(default)]
    values: Vec<KeyValue>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct KeyValue {
    key: Option<String>,
    #[serde(default)]
    value: String,
}

impl ConditionItem {
    /// How many of its parts it gives.
    fn parts(&self) -> usize {
        let given = [
            !self.values.is_empty(),
            self.host_header_config.is_some(),
            self.path_pattern_config.is_some(),
            self.http_header_config.is_some(),
            self.query_string_config.is_some(),
            self.http_request_method_config.is_some(),
            self.source_ip_config.is_some(),
        ];
        given.iter().filter(|given| **given).count()
    }
}

/// The conditions of a rule.
pub(super) fn read(given: &[ConditionItem]) -> Outcome<Vec<Condition>> {
    given.iter().map(read_one).collect()
}

fn read_one(item: &ConditionItem) -> Outcome<Condition> {
    let Some(field) = item.field.as_deref() else {
        return refuse("ValidationError", "A condition field must be specified");
    };
    let message = format!("A condition of the field '{field}' must have its own configuration and no other");
    let wrong = || refuse("ValidationError", message.clone());
    if item.parts() > 1 {
        return wrong();
    }
    // "You can specify a single host name in Values."
    let listed = |config: &Option<Values>| match (config, item.values.as_slice()) {
        (Some(config), _) => Some(config.values.clone()),
        (None, [one]) => Some(vec![one.clone()]),
        (None, _) => None,
    };
    let values = |config: &Option<Values>| config.as_ref().map(|config| config.values.clone());
    let condition = match field {
        "host-header" => listed(&item.host_header_config).map(Condition::HostHeader),
        "path-pattern" => listed(&item.path_pattern_config).map(Condition::PathPattern),
        "http-request-method" => values(&item.http_request_method_config).map(Condition::RequestMethod),
        "source-ip" => values(&item.source_ip_config).map(Condition::SourceIp),
        "http-header" => item.http_header_config.as_ref().map(|config| Condition::HttpHeader {
            name: config.http_header_name.clone(),
            values: config.values.clone(),
        }),
        "query-string" => item.query_string_config.as_ref().map(|config| {
            let pair = |pair: &KeyValue| (pair.key.clone(), pair.value.clone());
            Condition::QueryString(config.values.iter().map(pair).collect())
        }),
        other => return refuse("ValidationError", format!("Condition field '{other}' is not valid")),
    };
    condition.map_or_else(wrong, Ok)
}

/// What a rule shows of its conditions. Host names and paths are shown in both ways.
pub(super) fn show(conditions: &[Condition]) -> Vec<ConditionItem> {
    conditions.iter().map(show_one).collect()
}

fn show_one(condition: &Condition) -> ConditionItem {
    let item = ConditionItem { field: Some(condition.field().to_owned()), ..ConditionItem::default() };
    let config = |values: &[String]| Some(Values { values: values.to_vec() });
    match condition {
        Condition::HostHeader(values) => {
            ConditionItem { values: values.clone(), host_header_config: config(values), ..item }
        }
        Condition::PathPattern(values) => {
            ConditionItem { values: values.clone(), path_pattern_config: config(values), ..item }
        }
        Condition::HttpHeader { name, values } => {
            let config = HttpHeader { http_header_name: name.clone(), values: values.clone() };
            ConditionItem { http_header_config: Some(config), ..item }
        }
        Condition::RequestMethod(values) => ConditionItem { http_request_method_config: config(values), ..item },
        Condition::QueryString(pairs) => {
            let pair = |(key, value): &(Option<String>, String)| KeyValue { key: key.clone(), value: value.clone() };
            let config = QueryString { values: pairs.iter().map(pair).collect() };
            ConditionItem { query_string_config: Some(config), ..item }
        }
        Condition::SourceIp(values) => ConditionItem { source_ip_config: config(values), ..item },
    }
}
