//! Any bytes as the form of every operation: each is answered or refused, and none fails of its own making.
#![no_main]

use cloud::account::Account;
use cloud::envelope::Query;
use cloud::operations::{Call, NAMES, answer};
use cloud::parameters::Node;
use cloud::time::Time;
use jiff::Timestamp;
use libfuzzer_sys::fuzz_target;
use simulator::cloud::ReadLag;

fuzz_target!(|form: &[u8]| {
    let pairs = || form_urlencoded::parse(form).map(|(name, value)| (name.into_owned(), value.into_owned()));
    if Node::tree(pairs()).is_err() {
        return;
    }
    let mut account = Account::new(Time::new(Timestamp::UNIX_EPOCH, 1), 1, false, ReadLag::None);
    let region = account.region_mut("us-east-2").expect("it is there");
    for (service, names) in NAMES {
        let query = if *service == "ec2" { Query::Ec2 } else { Query::Elbv2 };
        for action in *names {
            let call = Call { cloud: &region.cloud, query, action, dry_run: false, request_id: "r" };
            let parameters = Node::tree(pairs()).expect("it was one just now");
            if let Err(refusal) = answer(&call, parameters) {
                assert_ne!(refusal.code, "InternalError", "{action}: {}", refusal.message);
            }
        }
    }
});
