//! Any sequence of calls to one cloud, time passing between them: a line each, whose first byte chooses the operation, whose
//! second says whether it is a rehearsal and how long is let pass before it, and whose rest is its form.
//!
//! A value `$` with a byte after it is one of the ids and ARNs that the answers so far have told, so that a later call can be about
//! what an earlier one made. Parameters that an operation does not know are left out, so that the others are read.
#![no_main]

use std::time::Duration;

use cloud::account::Account;
use cloud::envelope::Query;
use cloud::operations::{Answer, Call, NAMES, answer};
use cloud::parameters::Node;
use cloud::time::Time;
use jiff::Timestamp;
use libfuzzer_sys::fuzz_target;
use simulator::cloud::ReadLag;

/// Calls of one run: what is found in many can be found in few.
const CALLS_MAX: usize = 40;
/// Ids that are remembered: as many as a byte can choose from.
const IDS_MAX: usize = 256;

fuzz_target!(|lines: &[u8]| {
    let mut account = Account::new(Time::new(Timestamp::UNIX_EPOCH, 1), 1, false, ReadLag::None);
    let all: Vec<(Query, &str)> = NAMES.iter().flat_map(|(service, names)| named(service, names)).collect();
    let mut ids = Vec::new();
    for line in lines.split(|byte| *byte == b'\n').take(CALLS_MAX) {
        let [operation, how, form @ ..] = line else { continue };
        account.time.advance(Duration::from_secs(u64::from(how >> 1) * 30));
        let region = account.region_mut("us-east-2").expect("it is there");
        let (query, action) = all[usize::from(*operation) % all.len()];
        let call = Call { cloud: &region.cloud, query, action, dry_run: how & 1 == 1, request_id: "r" };
        match known(&call, form_urlencoded::parse(form).map(|(name, value)| (name.into_owned(), with_id(&value, &ids))))
        {
            Some(Ok(body)) => remember(&body, &mut ids),
            Some(Err(refusal)) => assert_ne!(refusal.code, "InternalError", "{action}: {}", refusal.message),
            None => {}
        }
    }
});

fn named(service: &str, names: &'static [&'static str]) -> impl Iterator<Item = (Query, &'static str)> {
    let query = if service == "ec2" { Query::Ec2 } else { Query::Elbv2 };
    names.iter().map(move |name| (query, *name))
}

/// The value, or the id that it stands for.
fn with_id(value: &str, ids: &[String]) -> String {
    let chosen = value.strip_prefix('$').and_then(|rest| rest.bytes().next());
    chosen.and_then(|byte| ids.get(usize::from(byte) % ids.len().max(1))).cloned().unwrap_or_else(|| value.to_owned())
}

/// Remembers the ids and ARNs that are the text of an element of the answer, the latest ones last.
fn remember(body: &[u8], ids: &mut Vec<String>) {
    let body = std::str::from_utf8(body).expect("an answer is UTF-8");
    for text in body.split(['<', '>']).filter(|text| text.starts_with("arn:") || is_id(text)) {
        if ids.len() < IDS_MAX && !ids.iter().any(|id| id == text) {
            ids.push(text.to_owned());
        }
    }
}

fn is_id(text: &str) -> bool {
    let hex = |end: &str| end.len() >= 8 && end.bytes().all(|byte| byte.is_ascii_hexdigit());
    text.rsplit_once('-').is_some_and(|(_, end)| hex(end))
}

/// What a call is answered once every parameter is left out that its operation does not know.
fn known(call: &Call<'_>, pairs: impl Iterator<Item = (String, String)>) -> Option<Answer> {
    let mut pairs: Vec<_> = pairs.collect();
    loop {
        let answered = answer(call, Node::tree(pairs.clone()).ok()?);
        let unknown =
            answered.as_ref().err().filter(|refusal| refusal.code == "UnsupportedOperation").and_then(|refusal| {
                let rest = refusal.message.strip_prefix("The parameter ")?;
                rest.strip_suffix(" is not modelled for this operation").map(str::to_owned)
            });
        let Some(path) = unknown else { return Some(answered) };
        let before = pairs.len();
        pairs.retain(|(name, _)| !name.starts_with(&path));
        assert!(pairs.len() < before, "{path} is no parameter that was given");
    }
}
