//! The throttle against a clock that only a sleep moves.

#![allow(clippy::unwrap_used)]

use std::rc::Rc;

use aws_api::ec2::{ImageRead, InstanceWrite};
use aws_api::id::{AmiId, InstanceId};
use aws_api::{ErrorKind, Read, Write};
use futures::FutureExt;
use jiff::Timestamp;

use super::*;

/// Time that passes only while somebody sleeps.
#[derive(Default)]
struct Virtual(Rc<Cell<Duration>>);

impl Clock for Virtual {
    fn now(&self) -> Timestamp {
        Timestamp::UNIX_EPOCH
    }

    fn elapsed(&self) -> Duration {
        self.0.get()
    }

    fn sleep(&self, duration: Duration) -> LocalBoxFuture<'static, ()> {
        let time = Rc::clone(&self.0);
        async move { time.set(time.get() + duration) }.boxed_local()
    }
}

/// A cloud that notes when it was called.
struct Noted<'c>(&'c Virtual, RefCell<Vec<Duration>>);

impl Cloud for Noted<'_> {
    fn call<'a>(&'a self, _: &'a str, _: Request) -> LocalBoxFuture<'a, Result<Reply, CloudError>> {
        self.1.borrow_mut().push(self.0.elapsed());
        async { Ok(Reply::Done) }.boxed_local()
    }
}

fn read() -> Request {
    Request::Read(Read::Image(ImageRead::Describe { ids: vec![AmiId::parse("ami-1").unwrap()] }))
}

fn terminate() -> Request {
    Request::Write(Write::Instance(InstanceWrite::Terminate { instance: InstanceId::parse("i-1").unwrap() }))
}

fn now<T>(future: LocalBoxFuture<'_, T>) -> T {
    future.now_or_never().expect("nothing here waits for anything but the clock, which sleeping moves")
}

const A_MINUTE: Duration = Duration::from_secs(60);

#[test]
fn half_of_the_bucket_goes_at_once_and_then_half_of_its_rate() {
    let clock = Virtual::default();
    let throttled = Throttled::new(
        Noted(&clock, RefCell::default()),
        &clock,
        Share { percent: 50, wait_max: A_MINUTE, ..Share::default() },
    );
    // Terminations: AWS's bucket holds 100 and refills 5 a second, so ours 50 and one each 400 ms.
    for _ in 0..53 {
        now(throttled.call("us-east-2", terminate())).unwrap();
    }
    let sent = throttled.inner.1.borrow();
    assert!(sent[..50].iter().all(Duration::is_zero));
    assert_eq!(sent[50..], [400, 800, 1200].map(Duration::from_millis));
    assert_eq!(throttled.pressure(), Pressure { held: 3, waited: Duration::from_millis(1200), refused: 0 });
}

#[test]
fn calls_at_the_same_time_queue_in_order() {
    let clock = Virtual::default();
    let throttled = Throttled::new(
        Noted(&clock, RefCell::default()),
        &clock,
        Share { percent: 1, wait_max: A_MINUTE, ..Share::default() },
    );
    // One percent of 100 is one token, refilled each 20 s.
    let waits = (0..3).map(|_| throttled.take("us-east-2", Operation::TerminateInstances).unwrap());
    assert_eq!(waits.collect::<Vec<_>>(), [0, 20, 40].map(Duration::from_secs));
}

#[test]
fn a_call_that_would_wait_too_long_is_refused_unsent_and_takes_no_token() {
    let clock = Virtual::default();
    let share = Share { percent: 1, wait_max: Duration::from_secs(19), ..Share::default() };
    let throttled = Throttled::new(Noted(&clock, RefCell::default()), &clock, share);
    now(throttled.call("us-east-2", terminate())).unwrap();
    for _ in 0..2 {
        let error = now(throttled.call("us-east-2", terminate())).unwrap_err();
        assert_eq!((error.kind, error.is_definite()), (ErrorKind::Throttled, false));
    }
    assert_eq!(throttled.inner.1.borrow().len(), 1);
    assert_eq!(throttled.pressure().refused, 2);
    clock.0.set(Duration::from_secs(1));
    now(throttled.call("us-east-2", terminate())).unwrap();
    assert_eq!(throttled.inner.1.borrow()[1], Duration::from_secs(20));
}

#[test]
fn a_bucket_and_a_region_leave_the_others_alone() {
    let clock = Virtual::default();
    let share = Share { percent: 1, wait_max: Duration::ZERO, ..Share::default() };
    let throttled = Throttled::new(Noted(&clock, RefCell::default()), &clock, share);
    now(throttled.call("us-east-2", terminate())).unwrap();
    now(throttled.call("us-east-2", terminate())).unwrap_err();
    now(throttled.call("us-east-2", read())).unwrap();
    now(throttled.call("eu-west-1", terminate())).unwrap();
}

#[test]
fn an_idle_bucket_fills_up_to_its_size_and_no_further() {
    let clock = Virtual::default();
    let share = Share { percent: 50, wait_max: Duration::ZERO, ..Share::default() };
    let throttled = Throttled::new(Noted(&clock, RefCell::default()), &clock, share);
    for idle in [0, 3600] {
        clock.0.set(Duration::from_secs(idle));
        let sent = (0..200).take_while(|_| now(throttled.call("us-east-2", terminate())).is_ok()).count();
        assert_eq!(sent, 50, "after {idle} s");
    }
}

fn reads(calls: u32) -> Calls {
    [(Bucket::Ec2Describe, calls)].into()
}

/// Ours of Ec2Describe is 50, one more each 100 ms.
fn describing(clock: &Virtual) -> Throttled<'_, Noted<'_>> {
    let share = Share { percent: 50, wait_max: Duration::ZERO, read_wait_max: Duration::ZERO };
    Throttled::new(Noted(clock, RefCell::default()), clock, share)
}

#[test]
fn what_is_set_aside_is_nobody_elses_and_is_all_there_or_none_of_it() {
    let clock = Virtual::default();
    let throttled = describing(&clock);
    assert_eq!(throttled.set_aside("us-east-2", &reads(30)), Ok(reads(30)));
    assert_eq!(throttled.set_aside("us-east-2", &reads(22)), Err(Duration::from_millis(200)));
    let both: Calls = [(Bucket::Elbv2Describe, 1), (Bucket::Ec2Describe, 21)].into();
    assert_eq!(throttled.set_aside("us-east-2", &both), Err(Duration::from_millis(100)));
    for _ in 0..20 {
        now(throttled.call("us-east-2", read())).unwrap();
    }
    let error = now(throttled.call("us-east-2", read())).unwrap_err();
    assert_eq!(error.room_in, Some(Duration::from_millis(100)));
    for _ in 0..30 {
        now(throttled.call_set_aside("us-east-2", read())).unwrap();
    }
    assert_eq!(throttled.set_aside("us-east-2", &reads(1)), Err(Duration::from_millis(100)), "all of it is spent");
}

#[test]
fn what_is_set_aside_and_spent_late_makes_no_bucket_larger() {
    let clock = Virtual::default();
    let throttled = describing(&clock);
    throttled.set_aside("us-east-2", &reads(30)).unwrap();
    clock.0.set(Duration::from_secs(3600));
    assert_eq!(throttled.set_aside("us-east-2", &reads(21)), Err(Duration::from_millis(100)));
    throttled.give_back("us-east-2", &reads(30));
    assert_eq!(throttled.set_aside("us-east-2", &reads(50)), Ok(reads(50)));
}

#[test]
fn more_than_a_bucket_holds_is_set_aside_as_far_as_it_goes() {
    let clock = Virtual::default();
    assert_eq!(describing(&clock).set_aside("us-east-2", &reads(1000)), Ok(reads(50)));
}
