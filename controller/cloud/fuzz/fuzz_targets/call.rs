//! Any sequence of calls to one cloud, time passing between them: a line each, whose first byte chooses the operation, whose
//! second says whether it is a rehearsal and how long is let pass before it, and whose rest is its form.
#![no_main]

use std::time::Duration;

use cloud::account::Account;
use cloud::envelope::Query;
use cloud::operations::{Call, NAMES, answer};
use cloud::parameters::Node;
use cloud::time::Time;
use jiff::Timestamp;
use libfuzzer_sys::fuzz_target;
use simulator::cloud::ReadLag;

/// Calls of one run: what is found in many can be found in few.
const CALLS_MAX: usize = 40;

fuzz_target!(|lines: &[u8]| {
    let mut account = Account::new(Time::new(Timestamp::UNIX_EPOCH, 1), 1, false, ReadLag::None);
    let all: Vec<(Query, &str)> = NAMES.iter().flat_map(|(service, names)| named(service, names)).collect();
    for line in lines.split(|byte| *byte == b'\n').take(CALLS_MAX) {
        let [operation, how, form @ ..] = line else { continue };
        account.time.advance(Duration::from_secs(u64::from(how >> 1) * 30));
        let region = account.region_mut("us-east-2").expect("it is there");
        let (query, action) = all[usize::from(*operation) % all.len()];
        let pairs = form_urlencoded::parse(form).map(|(name, value)| (name.into_owned(), value.into_owned()));
        let Ok(parameters) = Node::tree(pairs) else { continue };
        let call = Call { cloud: &region.cloud, query, action, dry_run: how & 1 == 1, request_id: "r" };
        if let Err(refusal) = answer(&call, parameters) {
            assert_ne!(refusal.code, "InternalError", "{action}: {}", refusal.message);
        }
    }
});

fn named(service: &str, names: &'static [&'static str]) -> impl Iterator<Item = (Query, &'static str)> {
    let query = if service == "ec2" { Query::Ec2 } else { Query::Elbv2 };
    names.iter().map(move |name| (query, *name))
}
