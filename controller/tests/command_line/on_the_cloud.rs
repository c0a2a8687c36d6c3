//! The whole product on a cloud of one's own: binary, adapter, SDK and record over loopback, nothing bypassed.

use std::cell::RefCell;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, ChildStdout, Command};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::world::{Ran, SHOP, World, ended};

/// How many times as fast as the wall clock the cloud's time runs.
const SPEED: &str = "60";
/// Longest that anything is waited for.
const PATIENCE: Duration = Duration::from_secs(180);

/// `understudy cloud`, running.
struct Cloud {
    process: Child,
    /// What it still has to say, if anybody wants to know.
    told: RefCell<Option<BufReader<ChildStdout>>>,
    address: String,
    world: World,
}

impl Cloud {
    fn start() -> Self {
        let world = World::empty();
        let mut process = world.command(&["cloud", "--listen", "127.0.0.1:0", "--speed", SPEED]).spawn().unwrap();
        let mut told = BufReader::new(process.stdout.take().unwrap());
        let mut first = String::new();
        told.read_line(&mut first).unwrap();
        let address = first.split("http://").nth(1).unwrap().split(',').next().unwrap().to_owned();
        Self { process, told: RefCell::new(Some(told)), address, world }
    }

    /// A verb, asked of this cloud.
    fn verb(&self, args: &[&str]) -> Command {
        let mut command = self.world.command(args);
        command.args(["--local", "--endpoint-url", &format!("http://{}", self.address)]);
        command
    }

    fn run(&self, args: &[&str]) -> Ran {
        ended(self.verb(args))
    }

    /// The next line that it says.
    fn says(&self) -> String {
        let mut line = String::new();
        self.told.borrow_mut().as_mut().unwrap().read_line(&mut line).unwrap();
        line
    }

    /// A request to the cloud itself, or a signed one to a service of it.
    fn http(&self, method: &str, path: &str, headers: &str, body: &str) -> String {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        let length = body.len();
        let head =
            format!("{method} {path} HTTP/1.1\r\nHost: cloud\r\nConnection: close\r\nContent-Length: {length}\r\n");
        stream.write_all(format!("{head}{headers}\r\n{body}").as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer.split_once("\r\n\r\n").map(|(_, body)| body.to_owned()).unwrap()
    }

    fn state(&self) -> Value {
        serde_json::from_str(&self.http("GET", "/_cloud/state", "", "")).unwrap()
    }

    /// An EC2 call, as a person makes it.
    fn ec2(&self, form: &str) -> String {
        let kind = "Content-Type: application/x-www-form-urlencoded\r\n";
        self.http("POST", "/", kind, &format!("Version=2016-11-15&{form}"))
    }

    fn fault(&self, fault: &Value) {
        let answer: Value = serde_json::from_str(&self.http("POST", "/_cloud/faults", "", &fault.to_string())).unwrap();
        assert!(answer["id"].is_string(), "{answer}");
    }

    fn instances(&self, state: &str) -> Vec<String> {
        let all = self.state()["instances"].clone();
        let of_state = all.as_array().unwrap().iter().filter(|one| one["state"] == state);
        of_state.map(|one| one["id"].as_str().unwrap().to_owned()).collect()
    }

    fn until(&self, what: &str, holds: impl Fn(&Self) -> bool) {
        let began = Instant::now();
        while !holds(self) {
            assert!(began.elapsed() < PATIENCE, "{what}: {}", self.run(&["describe", "shop"]).out);
            std::thread::sleep(Duration::from_millis(200));
        }
    }

    fn is_ready(&self) -> bool {
        self.run(&["wait", "shop", "--for", "condition=Ready", "--timeout", "0s"]).status == 0
    }
}

impl Drop for Cloud {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A controller that ends with the test.
struct Controller(Child);

impl Drop for Controller {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn an_environment_is_made_healed_and_deleted_over_the_wire() {
    let cloud = Cloud::start();
    let image = cloud.state()["images"][0].as_str().unwrap().to_owned();
    cloud.run(&["bootstrap"]).yes();
    let record = cloud.world.file("shop.yaml", SHOP.replace("ami-0123456789abcdef0", &image));
    cloud.run(&["apply", "-f", &record]).yes();
    let log = std::fs::File::create(cloud.world.dir().join("log")).unwrap();
    let _controller = Controller(cloud.verb(&["controller"]).stderr(log).spawn().unwrap());
    cloud.until("it is made", Cloud::is_ready);
    let made = cloud.instances("running");
    assert_eq!(made.len(), 2);
    // Where its listener is served is printed, and in the state.
    let address = cloud.state()["loadBalancers"][0]["listeners"][0]["address"].as_str().unwrap().to_owned();
    let told = [cloud.says(), cloud.says()];
    assert!(told[0].starts_with("For any AWS client: export ") && told[0].contains("AWS_DEFAULT_REGION="), "{told:?}");
    assert_eq!(told[1], format!("Load balancer shop-alb, HTTP port 80: http://{address}\n"));

    // The controller goes by the cloud's clock, and readers judge its heartbeat by it.
    cloud.http("POST", "/_cloud/clock", "", r#"{"advance": "10h"}"#);
    let later = jiff::Timestamp::now() + Duration::from_secs(9 * 3600);
    // Until it has noticed, its heartbeat is of before: what it launched by then would be ten hours old.
    cloud.until("the controller has noticed", Cloud::is_ready);

    // The reply to the launch of the successor is lost: none is launched twice.
    cloud.fault(&json!({ "kind": "reply-lost", "operation": "RunInstances" }));
    let answer = cloud.ec2(&format!("Action=TerminateInstances&InstanceId.1={}", made[0]));
    assert!(answer.contains("<name>shutting-down</name>"), "{answer}");
    cloud.until("it is healed", |cloud| {
        let running = cloud.instances("running");
        running.len() == 2 && !running.contains(&made[0]) && cloud.is_ready()
    });
    let all = cloud.state()["instances"].as_array().unwrap().len();
    assert_eq!(all, 3, "two, and one successor: {}\n{}", cloud.state(), cloud.run(&["events", "shop"]).out);

    let told = cloud.run(&["events", "shop", "-o", "json"]).yes().out;
    let events = told.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let last = events.map(|event| event["time"].as_str().unwrap().to_owned()).max().unwrap();
    assert!(last.parse::<jiff::Timestamp>().unwrap() > later, "{last}");

    cloud.run(&["delete", "shop", "--wait", "--timeout", "3m"]).yes();
    let left = cloud.state();
    assert_eq!(left["loadBalancers"], json!([]), "{left}");
    assert_eq!(cloud.instances("running"), Vec::<String>::new(), "{left}");
    let groups = cloud.ec2("Action=DescribeSecurityGroups");
    assert!(!groups.contains("shop-"), "{groups}");
}

#[test]
fn an_image_that_is_not_there_is_named_by_whatever_is_asked() {
    let cloud = Cloud::start();
    cloud.run(&["bootstrap"]).yes();
    let record = cloud.world.file("shop.yaml", SHOP);
    cloud.run(&["apply", "-f", &record]).yes();
    let missing = "ImageMissing: spec.image.amiId: ami-0123456789abcdef0 does not exist in this region";
    let remedy = "set `spec.image.amiId` to an image that exists in the region";
    let planned = |args: &[&str]| {
        let ran = cloud.run(&[&["plan", "shop"], args].concat());
        assert_eq!((ran.status, ran.complaints().len()), (1, 0), "{ran:?}");
        ran
    };
    let text = planned(&[]).out;
    assert!(text.contains(missing) && text.contains(remedy) && text.contains(" to add, "), "{text}");
    let blocked = planned(&["-o", "json"]).json()["blocked"].clone();
    assert_eq!(blocked[0]["reason"], "ImageMissing", "{blocked}");
    // All but the instances is made; what is left to do cannot be done.
    let _controller = Controller(cloud.verb(&["controller"]).stderr(std::process::Stdio::null()).spawn().unwrap());
    cloud.until("nothing else is left to do", |cloud| {
        cloud
            .run(&["plan", "shop"])
            .out
            .contains("shop: 0 to add, 0 to change, 0 to destroy; 1 thing stands in the way.")
    });
    assert!(planned(&[]).out.contains(missing));
    cloud.until("its status says so", |cloud| cloud.run(&["get", "shop"]).out.contains("Held"));
    let ran = cloud.run(&["wait", "shop", "--for", "condition=Ready", "--timeout", "0s"]);
    ran.complains(1, &["Held", "ImageAvailable is False (ImageMissing)", remedy]);
}

#[test]
fn a_controller_that_goes_by_another_time_than_its_table_says_so() {
    let cloud = Cloud::start();
    cloud.run(&["bootstrap"]).yes();
    let url = format!("http://{}", cloud.address);
    let once = |local: &[&str]| {
        let mut command =
            cloud.world.command(&["controller", "--once", "--region", "us-east-2", "--endpoint-url", &url]);
        command.args(local).env("AWS_ACCESS_KEY_ID", "any").env("AWS_SECRET_ACCESS_KEY", "any");
        ended(command).yes().err
    };
    cloud.http("POST", "/_cloud/clock", "", r#"{"advance": "10h"}"#);
    let told = once(&[]);
    assert!(told.contains("the table's clock is not this machine's") && told.contains("--local"), "{told}");
    let told = once(&["--local"]);
    assert!(!told.contains("the table's clock"), "{told}");
}

#[test]
fn each_call_has_a_line_in_the_log_at_debug() {
    let world = World::empty();
    let mut command = world.command(&["cloud", "--listen", "127.0.0.1:0", "-vv", "--log-format", "json"]);
    let log = std::fs::File::create(world.dir().join("log")).unwrap();
    let mut process = command.stderr(log).spawn().unwrap();
    let mut first = String::new();
    BufReader::new(process.stdout.take().unwrap()).read_line(&mut first).unwrap();
    let address = first.split("http://").nth(1).unwrap().split(',').next().unwrap();
    let ask = |headers: &str, body: &str| {
        let mut stream = TcpStream::connect(address).unwrap();
        let length = body.len();
        let head = format!("POST / HTTP/1.1\r\nHost: cloud\r\nConnection: close\r\nContent-Length: {length}\r\n");
        stream.write_all(format!("{head}{headers}\r\n{body}").as_bytes()).unwrap();
        stream.read_to_string(&mut String::new()).unwrap();
    };
    let form = "Content-Type: application/x-www-form-urlencoded\r\n";
    ask(form, "Version=2016-11-15&Action=DescribeVpcs");
    ask(form, "Version=2016-11-15&Action=DescribeVpcs&VpcId.1=x");
    let signed = "Authorization: AWS4-HMAC-SHA256 Credential=any/20261127/us-east-2/dynamodb/aws4_request, \
                  SignedHeaders=host, Signature=0\r\nX-Amz-Date: 20261127T000000Z\r\n";
    let json_of = "Content-Type: application/x-amz-json-1.0\r\nX-Amz-Target: DynamoDB_20120810";
    ask(&format!("{signed}{json_of}.ListTables\r\n"), "{}");
    process.kill().unwrap();
    process.wait().unwrap();
    let log = std::fs::read_to_string(world.dir().join("log")).unwrap();
    let lines: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let calls = lines.iter().filter(|line| line["message"] == "call");
    let said: Vec<_> =
        calls.map(|line| json!([line["service"], line["action"], line["status"], line["code"]])).collect();
    let wanted = [
        json!(["ec2", "DescribeVpcs", 200, null]),
        json!(["ec2", "DescribeVpcs", 400, "InvalidVpcID.Malformed"]),
        json!(["dynamodb", "ListTables", 200, null]),
    ];
    assert_eq!(said, wanted, "{log}");
}

#[test]
fn a_cloud_serves_on_though_nobody_reads_what_it_says() {
    let cloud = Cloud::start();
    cloud.told.take();
    let all = |xml: &str, name: &str| -> Vec<String> {
        xml.split(&format!("<{name}>")).skip(1).map(|part| part.split('<').next().unwrap().to_owned()).collect()
    };
    let subnets = all(&cloud.ec2("Action=DescribeSubnets"), "subnetId");
    let elb = |form: &str| {
        let kind = "Content-Type: application/x-www-form-urlencoded\r\n";
        cloud.http("POST", "/", kind, &format!("Version=2015-12-01&{form}"))
    };
    let both = format!("Subnets.member.1={}&Subnets.member.2={}", subnets[0], subnets[1]);
    let balancer = all(&elb(&format!("Action=CreateLoadBalancer&Name=web&{both}")), "LoadBalancerArn").remove(0);
    let answer =
        "DefaultActions.member.1.Type=fixed-response&DefaultActions.member.1.FixedResponseConfig.StatusCode=200";
    elb(&format!("Action=CreateListener&LoadBalancerArn={balancer}&Protocol=HTTP&Port=80&{answer}"));
    cloud.http("POST", "/_cloud/clock", "", r#"{"advance": "10m"}"#);
    assert!(cloud.state()["loadBalancers"][0]["listeners"][0]["address"].is_string());
    // That was told to nobody.
    assert!(cloud.state()["now"].is_string());
}

#[test]
fn a_demonstration_whose_reader_goes_ends_quietly() {
    let mut demo = World::empty().command(&["demo", "--once", "--speed", "60"]).spawn().unwrap();
    let mut told = BufReader::new(demo.stdout.take().unwrap());
    told.read_line(&mut String::new()).unwrap();
    drop(told);
    let ended = demo.wait_with_output().unwrap();
    assert_eq!((ended.status.code(), String::from_utf8_lossy(&ended.stderr)), (Some(0), "".into()));
}

#[test]
fn what_is_no_value_of_a_flag_is_refused() {
    let world = World::empty();
    world.run(&["cloud", "--consistency", "Strong"]).complains(2, &["--consistency", "`Strong`", "eventual"]);
    world.run(&["cloud", "--throttling", "true"]).complains(2, &["--throttling", "`true`", "off"]);
    // Set to nothing is not set.
    let mut command = world.command(&["cloud", "--listen", "0.0.0.0:0"]);
    command.env("UNDERSTUDY_CONSISTENCY", "").env("UNDERSTUDY_SPEED", "");
    ended(command).complains(2, &["--allow-remote"]);
}

#[test]
fn a_cloud_listens_beyond_this_machine_only_when_it_is_told_to() {
    let world = World::empty();
    world.run(&["cloud", "--listen", "0.0.0.0:0"]).complains(2, &["0.0.0.0", "--allow-remote"]);
}
