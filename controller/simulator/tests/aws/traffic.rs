//! What load balancers do with requests.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use aws_api::ec2::{RunInstances, UserData};
use aws_api::elbv2::TargetHealth;
use aws_api::id::InstanceId;
use serde_json::{Value, json};
use simulator::cloud::api::elbv2;
use simulator::cloud::traffic::{Answer, Asked, Decision, Forward, Meets, Traffic};
use simulator::cloud::{Answer as AppAnswer, App};

use crate::bench::{Bench, Env, secs};
use crate::elbv2::{forward, new_rule, with, write};

/// Requests to one listener.
struct Door<'a> {
    bench: &'a Bench,
    env: &'a Env,
    traffic: Traffic,
    /// What the client got.
    jar: BTreeMap<String, String>,
}

impl<'a> Door<'a> {
    fn new(bench: &'a Bench, env: &'a Env) -> Self {
        Self { bench, env, traffic: Traffic::new(1), jar: BTreeMap::new() }
    }

    fn ask(&mut self, asked: &Asked<'_>) -> Decision {
        let table = self.bench.cloud.traffic();
        self.traffic.adopt(&table);
        let listener = table.listener(self.env.listener.as_str()).unwrap();
        self.traffic.decide(&table, listener, asked, table.at())
    }

    /// A request with the cookies that were set before, whose answer is there at once. The instance, or the status.
    fn get(&mut self) -> Result<String, u16> {
        self.get_with(|_| false)
    }

    fn get_with(&mut self, sets: impl Fn(&str) -> bool) -> Result<String, u16> {
        let cookies: Vec<String> = self.jar.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let cookies = cookies.join("; ");
        match self.ask(&Asked { headers: &[("cookie", &cookies)], ..plain("/") }) {
            Decision::Answer(answer) => Err(answer.status),
            Decision::Forward(forward) => {
                let table = self.bench.cloud.traffic();
                for cookie in self.traffic.cookies(&forward, table.at(), table.date(table.at()), sets) {
                    let (name, value) = cookie.split(';').next().unwrap().split_once('=').unwrap();
                    self.jar.insert(name.to_owned(), value.to_owned());
                }
                self.traffic.done(&forward);
                Ok(forward.target().instance().unwrap().to_owned())
            }
        }
    }

    /// How many of so many requests each instance got.
    fn spread(&mut self, requests: usize) -> BTreeMap<String, usize> {
        let mut spread = BTreeMap::new();
        for _ in 0..requests {
            *spread.entry(self.get().unwrap()).or_default() += 1;
        }
        spread
    }

    fn answer(&mut self, asked: &Asked<'_>) -> Answer {
        match self.ask(asked) {
            Decision::Answer(answer) => answer,
            Decision::Forward(forward) => panic!("forwarded to {:?}", forward.target().instance()),
        }
    }
}

fn plain(path: &str) -> Asked<'_> {
    let source = IpAddr::V4(Ipv4Addr::LOCALHOST);
    Asked { method: "GET", host: "web.example.com:20080", path, query: "", headers: &[], source }
}

/// An environment with so many healthy instances.
fn served(bench: &Bench, count: usize) -> (Env, Vec<InstanceId>) {
    let env = bench.env(2);
    let members = (0..count).map(|number| bench.member(&env, &format!("m-{number}"), number % 2)).collect();
    bench.pass(secs(400));
    assert_eq!(bench.cloud.view().healthy(&env.targets), count);
    (env, members)
}

fn set(bench: &Bench, env: &Env, name: &str, value: &str) {
    bench.cloud.console().set_target_group_attribute(&env.targets, name, value).unwrap();
}

fn set_default(bench: &Bench, env: &Env, actions: &Value) {
    let listener = json!({"ListenerArn": env.listener.as_str(), "DefaultActions": actions});
    write::<elbv2::ModifyListener>(bench, listener).unwrap();
}

fn health(bench: &Bench, env: &Env, id: &InstanceId) -> TargetHealth {
    bench.cloud.view().targets(&env.targets).into_iter().find(|target| target.id == id.as_str()).unwrap().health
}

#[test]
fn a_listener_is_there_once_its_load_balancer_is_active_and_answers_503_without_targets() {
    let bench = Bench::new();
    let alb = bench.alb(bench.create_alb("web", 2));
    let listener = bench.listener(&alb, 80, &bench.targets("web"));
    assert!(bench.cloud.traffic().listener(listener.as_str()).is_none());
    bench.pass(secs(150));
    let table = bench.cloud.traffic();
    let decision = Traffic::new(1).decide(&table, table.listener(listener.as_str()).unwrap(), &plain("/"), table.at());
    assert!(matches!(decision, Decision::Answer(Answer { status: 503, .. })), "{decision:?}");
}

#[test]
fn healthy_targets_take_turns() {
    let bench = Bench::new();
    let (env, members) = served(&bench, 3);
    let mut door = Door::new(&bench, &env);
    assert_eq!(door.spread(30).into_values().collect::<Vec<_>>(), [10, 10, 10]);
    bench.cloud.console().set_app(&members[0], App::answering(AppAnswer::Status(500))).unwrap();
    bench.pass(secs(120));
    assert_eq!(health(&bench, &env, &members[0]), TargetHealth::Unhealthy);
    let spread = door.spread(20);
    assert_eq!((spread.len(), spread.get(members[0].as_str())), (2, None));
}

#[test]
fn where_too_few_are_healthy_all_of_them_get_requests() {
    let bench = Bench::new();
    let (env, members) = served(&bench, 2);
    let broken = App::answering(AppAnswer::Status(500));
    members.iter().for_each(|id| bench.cloud.console().set_app(id, broken.clone()).unwrap());
    bench.pass(secs(120));
    assert_eq!(bench.cloud.view().healthy(&env.targets), 0);
    assert_eq!(Door::new(&bench, &env).spread(10).len(), 2, "it fails open");
    bench.cloud.console().set_app(&members[0], App::default()).unwrap();
    bench.pass(secs(300));
    assert_eq!(Door::new(&bench, &env).spread(10).len(), 1);
    set(&bench, &env, "target_group_health.unhealthy_state_routing.minimum_healthy_targets.percentage", "60");
    assert_eq!(Door::new(&bench, &env).spread(10).len(), 2, "one of two is less than 60%");
    bench.cloud.console().deregister(&env.targets, &members[0], 8080).unwrap();
    let left = Door::new(&bench, &env).spread(10);
    assert_eq!(left.keys().collect::<Vec<_>>(), [members[1].as_str()], "who drains is not among them");
}

#[test]
fn who_drains_gets_nothing_new_and_is_finished_until_the_delay_is_over() {
    let bench = Bench::new();
    let (env, members) = served(&bench, 2);
    let mut door = Door::new(&bench, &env);
    let mut underway: Vec<Forward> = Vec::new();
    for _ in 0..2 {
        let Decision::Forward(forward) = door.ask(&plain("/")) else { panic!("not forwarded") };
        underway.push(forward);
    }
    let is_first = |forward: &&Forward| forward.target().instance() == Some(members[0].as_str());
    let leaving = underway.iter().find(is_first).unwrap();
    bench.cloud.console().deregister(&env.targets, &members[0], 8080).unwrap();
    assert_eq!(door.spread(10).len(), 1);
    assert!(bench.cloud.traffic().keeps(leaving), "it drains");
    bench.pass(secs(301));
    assert!(!bench.cloud.traffic().keeps(leaving), "the drain is over");
    let staying = underway.iter().find(|one| !is_first(one)).unwrap();
    assert!(bench.cloud.traffic().keeps(staying));
    bench.cloud.console().terminate(&members[1]).unwrap();
    assert!(!bench.cloud.traffic().keeps(staying), "its instance is gone");
    assert_eq!(door.get(), Ok(members[1].to_string()), "nobody else is there");
    bench.pass(secs(60));
    assert_eq!(door.get(), Err(503), "an unused target is no target");
}

#[test]
fn a_client_sticks_until_its_cookie_is_too_old() {
    let bench = Bench::new();
    let (env, members) = served(&bench, 2);
    set(&bench, &env, "stickiness.enabled", "true");
    set(&bench, &env, "stickiness.lb_cookie.duration_seconds", "60");
    let mut door = Door::new(&bench, &env);
    let mine = door.get().unwrap();
    assert_eq!(door.spread(9), [(mine.clone(), 9)].into());
    assert_eq!(door.jar.keys().collect::<Vec<_>>(), ["AWSALB", "AWSALBCORS"]);
    bench.pass(secs(50));
    assert_eq!(door.spread(2).len(), 1);
    bench.pass(secs(50));
    assert_eq!(door.get().as_ref(), Ok(&mine), "each answer begins the time anew");
    let jar = door.jar.clone();
    bench.pass(secs(61));
    let found: std::collections::BTreeSet<String> = (0..2)
        .map(|_| {
            door.jar = jar.clone();
            door.get().unwrap()
        })
        .collect();
    assert_eq!(found.len(), 2, "it is too old");
    door.jar = [("AWSALB".to_owned(), "bm90IGEgY29va2ll".to_owned())].into();
    assert!(door.get().is_ok(), "what cannot be read is no cookie");

    let mine = InstanceId::parse(door.get().unwrap()).unwrap();
    bench.cloud.console().deregister(&env.targets, &mine, 8080).unwrap();
    let other = members.iter().find(|id| **id != mine).unwrap();
    assert_eq!(door.get(), Ok(other.to_string()), "a draining target is left");
    bench.cloud.console().register(&env.targets, &mine, 8080).unwrap();
    bench.pass(secs(40));
    assert_eq!(door.spread(4), [(other.to_string(), 4)].into(), "and the client stays where it went");
}

#[test]
fn a_session_of_the_application_sticks_while_both_cookies_come_back() {
    let bench = Bench::new();
    let (env, _) = served(&bench, 2);
    set(&bench, &env, "stickiness.app_cookie.cookie_name", "session");
    set(&bench, &env, "stickiness.type", "app_cookie");
    set(&bench, &env, "stickiness.enabled", "true");
    let mut door = Door::new(&bench, &env);
    assert_eq!(door.spread(4).len(), 2, "no session, nothing to stick to");
    assert!(door.jar.is_empty());
    door.jar.insert("session".into(), "7".into());
    let mine = door.get_with(|name| name == "session").unwrap();
    assert_eq!(door.spread(6), [(mine, 6)].into());
    door.jar.remove("session");
    assert_eq!(door.spread(6).len(), 2);
}

#[test]
fn a_new_target_gets_its_share_little_by_little() {
    let bench = Bench::new();
    let (env, _) = served(&bench, 1);
    set(&bench, &env, "slow_start.duration_seconds", "100");
    let mut door = Door::new(&bench, &env);
    assert_eq!(door.spread(5).len(), 1);
    let new = bench.member(&env, "new", 1);
    while health(&bench, &env, &new) != TargetHealth::Healthy {
        bench.pass(secs(1));
    }
    let mut share = |after: u64| {
        bench.pass(secs(after));
        door.spread(1000).get(new.as_str()).copied().unwrap_or_default()
    };
    let shares = [share(10), share(40), share(49), share(1)];
    let fits = [80..=110, 320..=345, 490..=500, 500..=500];
    assert!(shares.iter().zip(fits).all(|(share, fits)| fits.contains(share)), "{shares:?}");
}

#[test]
fn who_is_healthy_when_slow_start_is_enabled_has_its_share() {
    let bench = Bench::new();
    let (env, _) = served(&bench, 1);
    let new = bench.member(&env, "new", 1);
    while health(&bench, &env, &new) != TargetHealth::Healthy {
        bench.pass(secs(1));
    }
    set(&bench, &env, "slow_start.duration_seconds", "100");
    let mut door = Door::new(&bench, &env);
    assert_eq!(door.spread(1000)[new.as_str()], 500);
    set(&bench, &env, "slow_start.duration_seconds", "200");
    assert_eq!(door.spread(1000)[new.as_str()], 500, "it was enabled before");
}

#[test]
fn requests_go_where_the_fewest_are_under_way() {
    let bench = Bench::new();
    let (env, _) = served(&bench, 2);
    set(&bench, &env, "load_balancing.algorithm.type", "least_outstanding_requests");
    let mut door = Door::new(&bench, &env);
    let Decision::Forward(hanging) = door.ask(&plain("/")) else { panic!("not forwarded") };
    let busy = hanging.target().instance().unwrap().to_owned();
    assert_eq!(door.spread(10).get(&busy), None);
    door.traffic.done(&hanging);
    assert_eq!(door.spread(10).len(), 2);
    set(&bench, &env, "load_balancing.algorithm.type", "weighted_random");
    let spread = door.spread(1000);
    assert!(spread.len() == 2 && spread.values().all(|got| (400..=600).contains(got)), "{spread:?}");
}

#[test]
fn weights_of_groups_are_kept_and_clients_stay_where_they_are_told_to() {
    let bench = Bench::new();
    let (env, members) = served(&bench, 2);
    let other = bench.targets("other");
    let two = |weights: [u32; 2], sticky: bool| {
        json!([{"Type": "forward", "ForwardConfig": {
            "TargetGroups": [{"TargetGroupArn": env.targets.as_str(), "Weight": weights[0]},
                             {"TargetGroupArn": other.as_str(), "Weight": weights[1]}],
            "TargetGroupStickinessConfig": {"Enabled": sticky, "DurationSeconds": 60}}}])
    };
    set_default(&bench, &env, &two([1, 1], false));
    bench.cloud.console().deregister(&env.targets, &members[1], 8080).unwrap();
    bench.cloud.console().register(&other, &members[1], 8080).unwrap();
    bench.pass(secs(400));
    set_default(&bench, &env, &two([9, 1], false));
    let spread = Door::new(&bench, &env).spread(1000);
    assert!((860..=940).contains(&spread[members[0].as_str()]), "{spread:?}");
    set_default(&bench, &env, &two([0, 1], true));
    let mut door = Door::new(&bench, &env);
    let there = door.spread(5);
    assert_eq!(there.keys().collect::<Vec<_>>(), [members[1].as_str()]);
    assert_eq!(door.jar.keys().collect::<Vec<_>>(), ["AWSALBTG", "AWSALBTGCORS"]);
    set_default(&bench, &env, &two([1, 0], true));
    assert_eq!(door.spread(5), there, "it stays for its minute");
    bench.pass(secs(60));
    assert_eq!(door.get(), Ok(members[0].to_string()));
    set_default(&bench, &env, &two([0, 0], false));
    assert_eq!(door.get(), Err(503));
}

#[test]
fn the_first_rule_that_fits_decides() {
    let bench = Bench::new();
    let (env, _) = served(&bench, 1);
    let listener = env.listener.as_str();
    let said = |status: &str| {
        json!([{"Type": "fixed-response", "FixedResponseConfig":
        {"StatusCode": status, "ContentType": "text/plain", "MessageBody": status}}])
    };
    let rules = [
        (10, json!([{"Field": "path-pattern", "Values": ["/a/*"]}]), "401"),
        (20, json!([{"Field": "host-header", "Values": ["*.EXAMPLE.org"]}]), "402"),
        (30, json!([{"Field": "http-request-method", "HttpRequestMethodConfig": {"Values": ["PUT"]}}]), "403"),
        (
            40,
            json!([{"Field": "http-header", "HttpHeaderConfig": {"HttpHeaderName": "User-Agent", "Values": ["*chrome*"]}}]),
            "404",
        ),
        (
            50,
            json!([{"Field": "query-string", "QueryStringConfig": {"Values": [{"Key": "version", "Value": "v?"}]}},
                    {"Field": "source-ip", "SourceIpConfig": {"Values": ["127.0.0.0/8"]}}]),
            "405",
        ),
        (60, json!([{"Field": "source-ip", "SourceIpConfig": {"Values": ["10.0.0.0/8"]}}]), "406"),
    ];
    for (priority, conditions, status) in rules {
        let rule = with(new_rule(listener, priority, &said(status)), json!({"Conditions": conditions}));
        write::<elbv2::CreateRule>(&bench, rule).unwrap();
    }
    let mut door = Door::new(&bench, &env);
    for (asked, status) in [
        (plain("/a/b"), 401),
        (Asked { host: "www.example.ORG:8080", ..plain("/a") }, 402),
        (Asked { method: "PUT", ..plain("/") }, 403),
        (Asked { headers: &[("user-agent", "Some Chrome 1")], ..plain("/") }, 404),
        (Asked { query: "x=1&Version=V2", ..plain("/") }, 405),
        (Asked { method: "TRACE", ..plain("/a/b") }, 405),
        (Asked { headers: &[("x-forwarded-for", &"1.1.1.1,".repeat(31))], ..plain("/") }, 463),
        (plain(&format!("/a/{}", "b".repeat(16_000))), 401),
        (plain(&format!("/a/{}", "b".repeat(16 << 10))), 400),
        (Asked { headers: &[("x-long", &"x".repeat(16 << 10))], ..plain("/a/b") }, 400),
    ] {
        assert_eq!(door.answer(&asked).status, status, "{asked:?}");
    }
    assert_eq!(door.answer(&plain("/a/b")).body, "401");
    for asked in [plain("/A/b"), Asked { query: "version=v22", ..plain("/") }, Asked { method: "put", ..plain("/") }] {
        assert!(matches!(door.ask(&asked), Decision::Forward(_)), "{asked:?}");
    }
}

#[test]
fn a_redirect_keeps_what_it_does_not_name() {
    let bench = Bench::new();
    let (env, _) = served(&bench, 0);
    let to = |config: Value| json!([{"Type": "redirect", "RedirectConfig": config}]);
    let asked = Asked { query: "a=#{host}", ..plain("/x/y") };
    for (config, status, location) in [
        (
            json!({"Protocol": "HTTPS", "Port": "443", "StatusCode": "HTTP_301"}),
            301,
            "https://web.example.com:443/x/y?a=#{host}",
        ),
        (
            json!({"Host": "new.#{host}", "Path": "/v2/#{path}", "Query": "#{query}&b=2", "StatusCode": "HTTP_302"}),
            302,
            "http://new.web.example.com:80/v2/x/y?a=#{host}&b=2",
        ),
    ] {
        set_default(&bench, &env, &to(config));
        let answer = Door::new(&bench, &env).answer(&asked);
        assert_eq!((answer.status, answer.location.as_deref()), (status, Some(location)));
    }
    set_default(&bench, &env, &forward(env.targets.as_str()));
}

#[test]
fn requests_meet_at_a_target_what_its_health_checks_meet() {
    let bench = Bench::new();
    let (env, members) = served(&bench, 1);
    let meets = |path: &str| {
        let Decision::Forward(forward) = Door::new(&bench, &env).ask(&plain(path)) else { panic!("not forwarded") };
        forward.target().meets(path, bench.cloud.traffic().at())
    };
    let console = bench.cloud.console();
    assert_eq!(meets("/"), Meets::Application);
    for (answer, met) in [
        (AppAnswer::Status(500), Meets::Broken(500)),
        (AppAnswer::Slow, Meets::Silence),
        (AppAnswer::Refused, Meets::Refusal),
    ] {
        console.set_app(&members[0], App::answering(answer)).unwrap();
        assert_eq!(meets("/"), met);
    }
    console.set_app(&members[0], App { paths: Some(["/".to_owned()].into()), ..App::default() }).unwrap();
    assert_eq!((meets("/"), meets("/x")), (Meets::Application, Meets::Broken(404)));
    console.set_app(&members[0], App { boot: Some(Duration::from_secs(3600)), ..App::default() }).unwrap();
    assert_eq!(meets("/"), Meets::Refusal, "it boots");
    console.set_app(&members[0], App::default()).unwrap();
    console.set_instance_groups(&members[0], std::slice::from_ref(&env.alb_group)).unwrap();
    assert_eq!(meets("/"), Meets::Nobody, "its groups let nobody in");
    console.set_instance_groups(&members[0], std::slice::from_ref(&env.group)).unwrap();
    console.terminate(&members[0]).unwrap();
    assert_eq!(meets("/"), Meets::Refusal, "it shuts down");
}

#[test]
fn user_data_says_how_long_the_application_boots_and_what_its_health_depends_on() {
    let bench = Bench::new();
    let env = bench.env(2);
    let launch = |token: &str, data: &str| {
        let groups = std::collections::BTreeSet::from([aws_api::Ref::Id(env.group.clone())]);
        let user_data = Some(UserData::Text(data.to_owned()));
        let id = bench.launch(RunInstances { groups, user_data, ..bench.run(token) });
        bench.pass(secs(17));
        bench.cloud.console().register(&env.targets, &id, 8080).unwrap();
        id
    };
    let quick = launch("quick", "UNDERSTUDY_APP_BOOT=5s\nUNDERSTUDY_APP_SESSIONS=redis");
    bench.pass(secs(34));
    assert_eq!(health(&bench, &env, &quick), TargetHealth::Healthy, "an ordinary one boots for a minute");
    let deep = launch("deep", "#!/bin/sh\nexport UNDERSTUDY_APP_SESSIONS=redis\nexport UNDERSTUDY_APP_HEALTH=deep\n");
    bench.pass(secs(300));
    bench.cloud.console().set_redis_down(true);
    bench.pass(secs(120));
    let both = [&quick, &deep].map(|id| health(&bench, &env, id));
    assert_eq!(both, [TargetHealth::Healthy, TargetHealth::Unhealthy]);
    bench.cloud.console().set_redis_down(false);
    bench.pass(secs(300));
    assert_eq!(health(&bench, &env, &deep), TargetHealth::Healthy);
}

#[test]
fn a_table_is_out_of_date_after_a_change() {
    let bench = Bench::new();
    let env = bench.env(2);
    let before = bench.cloud.changes();
    assert_eq!(bench.cloud.changes(), before, "looking changes nothing");
    bench.cloud.traffic();
    assert_eq!(bench.cloud.changes(), before);
    set(&bench, &env, "stickiness.enabled", "true");
    assert!(bench.cloud.changes() > before);
}

#[test]
fn a_target_is_told_who_its_client_is() {
    let bench = Bench::new();
    let env = bench.env(2);
    let told = |headers: &[(&str, &str)]| {
        let table = bench.cloud.traffic();
        table.listener(env.listener.as_str()).unwrap().forwarded_for(&Asked { headers, ..plain("/") }, 5000)
    };
    let set =
        |name: &str, value: &str| bench.cloud.console().set_load_balancer_attribute(&env.alb, name, value).unwrap();
    assert_eq!(told(&[("x-forwarded-for", "9.9.9.9")]).as_deref(), Some("9.9.9.9, 127.0.0.1"));
    set("routing.http.xff_client_port.enabled", "true");
    assert_eq!(told(&[]).as_deref(), Some("127.0.0.1:5000"));
    set("routing.http.xff_header_processing.mode", "preserve");
    assert_eq!((told(&[("x-forwarded-for", "9.9.9.9")]).as_deref(), told(&[])), (Some("9.9.9.9"), None));
    set("routing.http.xff_header_processing.mode", "remove");
    assert_eq!(told(&[("x-forwarded-for", "9.9.9.9")]), None);
}
