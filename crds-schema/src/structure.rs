//! Walks a document against the schema: every fault of a single field, and a document that the types can hold.
//!
//! In: the document and the schema. Out: faults, and the document in canonical form, in which a stand-in replaces each
//! value that could not be used, so that the rules across fields ([`crate::rules`]) can judge all the rest.
//! Never: knows a field by name. What a field may hold is in [`crate::spec`]. Start at [`Walk::value`].

use std::collections::BTreeMap;

use serde_json::{Map, Number, Value};

use crate::fault::{Faults, entry, field};
use crate::forms::REFUSED_PREFIXES;
use crate::meant;
use crate::schema::{Node, compiled};
use crate::wording;
use crate::written::Written;

/// The walk: faults as they are found, and how scalars were written, to be quoted.
pub(crate) struct Walk<'f> {
    pub(crate) faults: &'f mut Faults,
    pub(crate) written: &'f Written,
}

impl Walk<'_> {
    /// Checks `value` at `path` and gives its canonical form, or a stand-in.
    pub(crate) fn value(&mut self, value: &Value, node: Node<'_>, path: &str) -> Value {
        let types = node.types();
        let whole = whole_number(value).filter(|_| types.contains(&"integer"));
        let spelled = self.written.at(path);
        let usable = match (value, whole) {
            (Value::String(_), _) if spelled.is_some_and(|scalar| scalar.not_finite) => self.wrong(value, node, path),
            (Value::Object(map), _) if types.contains(&"object") => return self.object(map, node, path),
            (Value::Array(items), _) if types.contains(&"array") => return self.array(items, node, path),
            (Value::String(text), _) if types.contains(&"string") => self.text(text, node, path),
            (Value::Number(given), Some(whole)) => self.integer(given, whole, node, path),
            (Value::Bool(_), _) if types.contains(&"boolean") => Some(value.clone()),
            _ => self.wrong(value, node, path),
        };
        usable.unwrap_or_else(|| stand_in(node))
    }

    /// A value of the wrong type.
    fn wrong(&mut self, value: &Value, node: Node<'_>, path: &str) -> Option<Value> {
        let (wrong, instead) = wording::wrong_type(value, self.written.at(path), node);
        self.faults.add_unusable(path, wrong, instead);
        None
    }

    fn object(&mut self, map: &Map<String, Value>, node: Node<'_>, path: &str) -> Value {
        let Some(properties) = node.properties() else { return self.free_map(map, node, path) };
        let mut walked = Map::new();
        for (name, value) in map.iter().filter(|(_, value)| !value.is_null()) {
            match properties.get(name).and_then(Node::new) {
                Some(child) if child.flag("x-ignored") => {}
                Some(child) => {
                    let usable = self.property(value, child, &field(path, name));
                    walked.insert(name.clone(), usable);
                }
                None => {
                    let known =
                        properties.iter().filter(|(_, p)| p.get("x-ignored").is_none()).map(|(name, _)| name.as_str());
                    self.faults.add(field(path, name), "unknown field", wording::known_names(name, known));
                }
            }
        }
        for name in node.required().filter(|name| map.get(*name).is_none_or(Value::is_null)) {
            let Some(child) = properties.get(name).and_then(Node::new) else { continue };
            let usable = stand_in(child);
            self.faults.add_unusable(&field(path, name), "missing", wording::add_it(name, child, &usable));
            walked.insert(name.to_owned(), usable);
        }
        Value::Object(walked)
    }

    /// One named field. Where it is not supported yet, anything but its default is refused as a whole, whatever is in
    /// it; for the rules it stays set.
    fn property(&mut self, value: &Value, node: Node<'_>, path: &str) -> Value {
        let Some(instead) = node.text("x-notSupportedYet") else { return self.value(value, node, path) };
        let mut unsaid = Faults::default();
        let usable = Walk { faults: &mut unsaid, written: self.written }.value(value, node, path);
        if !unsaid.is_empty() || node.get("default") != Some(&usable) {
            self.faults.add(path, "not supported yet", instead);
        }
        usable
    }

    /// A map whose names the user chooses.
    fn free_map(&mut self, map: &Map<String, Value>, node: Node<'_>, path: &str) -> Value {
        if let Some(most) = bound(node, "maxProperties").filter(|most| map.len() as i64 > *most) {
            self.faults.add(path, format!("has {} entries", map.len()), format!("keep at most {most}"));
        }
        let mut walked = Map::new();
        for (name, value) in map {
            let at = field(path, name);
            if value.is_null() {
                let (wrong, instead) = wording::no_value(self.written.at(&at));
                self.faults.add_newer(at, wrong, instead);
                continue;
            }
            if let Some(names) = node.child("propertyNames") {
                self.text(name, names, &at);
            }
            let usable = node.child("additionalProperties").map(|child| self.value(value, child, &at));
            walked.insert(name.clone(), usable.unwrap_or_else(|| value.clone()));
        }
        Value::Object(walked)
    }

    fn array(&mut self, items: &[Value], node: Node<'_>, path: &str) -> Value {
        if bound(node, "minItems").is_some_and(|least| (items.len() as i64) < least) {
            let example = wording::example(node).unwrap_or_default();
            self.faults.add_unusable(path, "is empty", format!("add an entry, for example `{example}`"));
            return stand_in(node);
        }
        if let Some(most) = bound(node, "maxItems").filter(|most| items.len() as i64 > *most) {
            match node.text("x-moreNotSupportedYet") {
                Some(instead) => self.faults.add(path, format!("more than {most} is not supported yet"), instead),
                None => self.faults.add(path, format!("has {} entries", items.len()), format!("keep at most {most}")),
            }
        }
        let Some(child) = node.child("items") else { return items.to_vec().into() };
        let mut seen: BTreeMap<String, usize> = BTreeMap::new();
        let mut walked = Vec::new();
        for (index, item) in items.iter().enumerate() {
            let at = entry(path, index);
            let usable = self.value(item, child, &at);
            if node.flag("uniqueItems")
                && self.faults.usable(&at)
                && let Some(first) = seen.insert(usable.to_string(), index)
            {
                let again = wording::flow(item);
                let earlier = wording::flow(&items[first]);
                let wrong = if again == earlier {
                    format!("`{again}` stands here twice")
                } else {
                    format!("`{again}` is the same as `{earlier}`")
                };
                self.faults.add(at, wrong, "keep one");
            }
            walked.push(usable);
        }
        Value::Array(walked)
    }

    fn integer(&mut self, given: &Number, whole: i64, node: Node<'_>, path: &str) -> Option<Value> {
        let (least, most) = (bound(node, "minimum"), bound(node, "maximum"));
        let text = self.written.at(path).map_or_else(|| given.to_string(), |scalar| scalar.text.clone());
        let refused = if least.is_some_and(|least| whole < least) || most.is_some_and(|most| whole > most) {
            Some(wording::out_of_range(&text, least, most))
        } else {
            meant::other_form(&text, whole)
        };
        if let Some((wrong, instead)) = refused {
            self.faults.add_unusable(path, wrong, instead);
            return None;
        }
        Some(whole.into())
    }

    fn text(&mut self, text: &str, node: Node<'_>, path: &str) -> Option<Value> {
        match judge_text(text, node) {
            Ok(Judged { canonical, not_supported_yet }) => {
                if let Some(instead) = not_supported_yet {
                    self.faults.add(path, format!("`{text}` is not supported yet"), instead);
                }
                if let Some((wrong, instead)) = meant::other_digits(text, node) {
                    self.faults.add_newer(path, wrong, instead);
                }
                if canonical != text {
                    self.faults.note_written(path, text);
                }
                Some(canonical.into())
            }
            Err((wrong, instead)) => {
                self.faults.add_unusable(path, wrong, instead);
                None
            }
        }
    }
}

/// A text that its schema allows.
struct Judged<'a> {
    canonical: String,
    not_supported_yet: Option<&'a str>,
}

/// Judges a text by its schema; the error is what is wrong, and what to write instead.
fn judge_text<'a>(text: &str, node: Node<'a>) -> Result<Judged<'a>, (String, String)> {
    let choices = node.choices();
    if !choices.is_empty() {
        let chosen = choices.iter().find(|choice| choice.value == text);
        let chosen = chosen.ok_or_else(|| wording::unknown_choice(text, &choices))?;
        return Ok(Judged { canonical: text.to_owned(), not_supported_yet: chosen.not_supported_yet });
    }
    if let Some(most) = bound(node, "maxLength").filter(|most| text.chars().count() as i64 > *most) {
        return Err((format!("is {} characters long", text.chars().count()), format!("use at most {most}")));
    }
    if let Some(judged) = node.text("format").and_then(|format| crate::texts::check(format, text)) {
        let canonical = judged.map_err(|e| (e.wrong, meant::other_text(text, node).unwrap_or(e.instead)))?;
        check_duration_range(text, node)?;
        return Ok(Judged { canonical, not_supported_yet: None });
    }
    let prefixes = node.get(REFUSED_PREFIXES).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
    if let Some(prefix) = prefixes.into_iter().find(|prefix| text.starts_with(prefix)) {
        return Err((format!("begins with `{prefix}`, which AWS refuses"), "use another beginning".to_owned()));
    }
    let pattern = node.text("pattern").and_then(compiled);
    if pattern.is_some_and(|pattern| !pattern.is_match(text)) {
        return Err(wording::wrong_form(text, node));
    }
    Ok(Judged { canonical: text.to_owned(), not_supported_yet: None })
}

/// `x-minimum` and `x-maximum`, which only durations have.
fn check_duration_range(text: &str, node: Node<'_>) -> Result<(), (String, String)> {
    let length = |text: &str| text.parse::<crate::SpecDuration>().ok();
    let Some(given) = length(text) else { return Ok(()) };
    let (least, most) = (node.text("x-minimum"), node.text("x-maximum"));
    let too_short = least.and_then(length).is_some_and(|least| given < least);
    let too_long = most.and_then(length).is_some_and(|most| given > most);
    if too_short || too_long { Err(wording::out_of_range(text, least.or(Some("0s")), most)) } else { Ok(()) }
}

/// Whether the schema allows this text, as it is asked before advising to write it.
pub(crate) fn allows_text(text: &str, node: Node<'_>) -> bool {
    node.types().contains(&"string") && judge_text(text, node).is_ok()
}

/// `2` and `2.0` are the same number; `2.5` is not whole, and what no count reaches is clamped to stay out of range.
fn whole_number(value: &Value) -> Option<i64> {
    let number = value.as_number()?;
    if let Some(whole) = number.as_i64() {
        return Some(whole);
    }
    if number.is_u64() {
        return Some(i64::MAX);
    }
    // Float to integer casts saturate.
    number.as_f64().filter(|n| n.fract() == 0.0).map(|n| n as i64)
}

fn bound(node: Node<'_>, keyword: &str) -> Option<i64> {
    node.get(keyword).and_then(whole_number)
}

/// A value that the schema allows, to stand where none or a wrong one was given: the default, an example, or the least.
pub(crate) fn stand_in(node: Node<'_>) -> Value {
    let example = || node.get("examples").and_then(|examples| examples.get(0));
    if let Some(value) = node.get("default").or_else(example) {
        return value.clone();
    }
    if let Some(choice) = node.choices().first() {
        return choice.value.into();
    }
    match node.types().first().copied() {
        Some("object") => {
            let properties = node.properties();
            let child = |name: &str| properties.and_then(|p| p.get(name)).and_then(Node::new);
            let required = node.required().filter_map(|name| Some((name.to_owned(), stand_in(child(name)?))));
            Value::Object(required.collect())
        }
        Some("array") => Value::Array(vec![]),
        Some("integer") => bound(node, "minimum").unwrap_or(0).into(),
        Some("boolean") => false.into(),
        _ => "".into(),
    }
}
