//! A cloud of one's own, and the plainest of clients: one connection a request, everything by hand.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use cloud::{Options, Running, start};
use serde_json::{Value, json};
use simulator::cloud::ReadLags;

/// An answer.
#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Reply {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("no JSON: {self:?}"))
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }

    /// The instance that it came from.
    pub fn instance(&self) -> String {
        self.json()["instance"].as_str().unwrap().to_owned()
    }
}

/// Sends a request and reads the answer to its end.
pub fn ask(to: SocketAddr, line: &str, headers: &[(&str, &str)], body: &str) -> Reply {
    let mut stream = TcpStream::connect(to).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let mut request = format!("{line} HTTP/1.1\r\nconnection: close\r\ncontent-length: {}\r\n", body.len());
    if !headers.iter().any(|(name, _)| *name == "host") {
        request += "host: web.example.com\r\n";
    }
    headers.iter().for_each(|(name, value)| request += &format!("{name}: {value}\r\n"));
    stream.write_all(format!("{request}\r\n{body}").as_bytes()).unwrap();
    let mut read = String::new();
    stream.read_to_string(&mut read).unwrap();
    let (head, body) = read.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer: {read:?}"));
    let mut lines = head.lines();
    let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
    let headers = lines.filter_map(|line| line.split_once(": "));
    let headers = headers.map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned())).collect();
    Reply { status, headers, body: body.to_owned() }
}

/// A client that keeps its cookies.
#[derive(Debug, Default)]
pub struct Jar(pub BTreeMap<String, String>);

impl Jar {
    pub fn get(&mut self, to: SocketAddr, path: &str) -> Reply {
        let cookies: Vec<String> = self.0.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let reply = ask(to, &format!("GET {path}"), &[("cookie", &cookies.join("; "))], "");
        for (_, cookie) in reply.headers.iter().filter(|(name, _)| name == "set-cookie") {
            let (name, value) = cookie.split(';').next().unwrap().split_once('=').unwrap();
            self.0.insert(name.to_owned(), value.to_owned());
        }
        reply
    }

    /// The count of the session that it is in.
    pub fn count(&mut self, to: SocketAddr) -> u64 {
        self.get(to, "/").json()["count"].as_u64().unwrap()
    }
}

/// A cloud whose time stands still unless it is advanced, with an environment in it.
pub struct Cloud {
    pub running: Running,
    pub alb: String,
    pub group: String,
    pub listener: String,
}

impl Cloud {
    /// With an active load balancer, and so many healthy instances behind it.
    pub fn with(instances: usize, user_data: &str) -> Self {
        Self::of_seed(1, instances, user_data)
    }

    pub fn of_seed(seed: u64, instances: usize, user_data: &str) -> Self {
        let options = Options {
            listen: vec![SocketAddr::from(([127, 0, 0, 1], 0))],
            lag: ReadLags::default(),
            throttling: false,
            seed: Some(seed),
            ..Options::default()
        };
        let running = start(&options).unwrap();
        let mut cloud = Self { running, alb: String::new(), group: String::new(), listener: String::new() };
        cloud.control("POST", "clock", &json!({"pause": true}));
        let subnets = cloud.ec2("DescribeSubnets", &[]);
        let (vpc, subnets) = (all(&subnets, "vpcId").remove(0), all(&subnets, "subnetId"));
        let pairs = [("Name", "web"), ("Subnets.member.1", &subnets[0]), ("Subnets.member.2", &subnets[1])];
        cloud.alb = all(&cloud.elb("CreateLoadBalancer", &pairs), "LoadBalancerArn").remove(0);
        let pairs = [("Name", "web"), ("Protocol", "HTTP"), ("Port", "8080"), ("VpcId", &*vpc)];
        cloud.group = all(&cloud.elb("CreateTargetGroup", &pairs), "TargetGroupArn").remove(0);
        let group = cloud.group.clone();
        let pairs = [
            ("LoadBalancerArn", &*cloud.alb),
            ("Protocol", "HTTP"),
            ("Port", "80"),
            ("DefaultActions.member.1.Type", "forward"),
            ("DefaultActions.member.1.TargetGroupArn", &*group),
        ];
        cloud.listener = all(&cloud.elb("CreateListener", &pairs), "ListenerArn").remove(0);
        cloud.advance("150s");
        (0..instances).for_each(|_| {
            cloud.add(user_data);
        });
        cloud.advance("400s");
        cloud
    }

    /// One instance more, running and registered.
    pub fn add(&self, user_data: &str) -> String {
        let subnet = all(&self.ec2("DescribeSubnets", &[]), "subnetId").remove(0);
        let image = all(&self.ec2("DescribeImages", &[("Owner.1", "amazon")]), "imageId").remove(0);
        let data = base64(user_data.as_bytes());
        let pairs = [
            ("ImageId", &*image),
            ("InstanceType", "t3.small"),
            ("MinCount", "1"),
            ("MaxCount", "1"),
            ("SubnetId", &*subnet),
            ("UserData", &*data),
        ];
        let instance = all(&self.ec2("RunInstances", &pairs), "instanceId").remove(0);
        self.advance("20s");
        self.elb("RegisterTargets", &[("TargetGroupArn", &self.group), ("Targets.member.1.Id", &instance)]);
        instance
    }

    pub fn deregister(&self, instance: &str) {
        self.elb("DeregisterTargets", &[("TargetGroupArn", &self.group), ("Targets.member.1.Id", instance)]);
    }

    pub fn set_group(&self, key: &str, value: &str) {
        let pairs =
            [("TargetGroupArn", &*self.group), ("Attributes.member.1.Key", key), ("Attributes.member.1.Value", value)];
        self.elb("ModifyTargetGroupAttributes", &pairs);
    }

    pub fn ec2(&self, action: &str, pairs: &[(&str, &str)]) -> String {
        self.query("2016-11-15", action, pairs)
    }

    pub fn elb(&self, action: &str, pairs: &[(&str, &str)]) -> String {
        self.query("2015-12-01", action, pairs)
    }

    fn query(&self, version: &str, action: &str, pairs: &[(&str, &str)]) -> String {
        let encode = |text: &str| {
            text.bytes()
                .map(|byte| match byte {
                    b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' => char::from(byte).to_string(),
                    other => format!("%{other:02x}"),
                })
                .collect::<String>()
        };
        let all = [("Version", version), ("Action", action)];
        let body: Vec<String> =
            all.iter().chain(pairs).map(|(name, value)| format!("{name}={}", encode(value))).collect();
        let form = [("content-type", "application/x-www-form-urlencoded")];
        let reply = ask(self.running.address(), "POST /", &form, &body.join("&"));
        assert_eq!(reply.status, 200, "{action}: {}", reply.body);
        reply.body
    }

    pub fn control(&self, method: &str, path: &str, body: &Value) -> Value {
        let reply = ask(self.running.address(), &format!("{method} /_cloud/{path}"), &[], &body.to_string());
        assert_eq!(reply.status, 200, "{path}: {}", reply.body);
        reply.json()
    }

    pub fn advance(&self, by: &str) {
        self.control("POST", "clock", &json!({"advance": by}));
    }

    /// Lets something go wrong. The fault's id.
    pub fn fault(&self, fault: &Value) -> String {
        self.control("POST", "faults", fault)["id"].as_str().unwrap().to_owned()
    }

    pub fn mend(&self, fault: &str) {
        self.control("DELETE", &format!("faults/{fault}"), &Value::Null);
    }

    pub fn state(&self) -> Value {
        self.control("GET", "state", &Value::Null)
    }

    /// Where the listener of that port is.
    pub fn address_of(&self, port: u16) -> Option<SocketAddr> {
        let state = self.state();
        let listeners = state["loadBalancers"][0]["listeners"].as_array().unwrap().clone();
        let listener = listeners.into_iter().find(|listener| listener["port"] == json!(port))?;
        Some(listener["address"].as_str()?.parse().unwrap())
    }

    /// Where the listener of port 80 is.
    pub fn address(&self) -> SocketAddr {
        self.address_of(80).unwrap()
    }

    pub fn redis(&self) -> SocketAddr {
        self.state()["redis"]["address"].as_str().unwrap().parse().unwrap()
    }
}

/// The texts of all elements of that name.
pub fn all(xml: &str, name: &str) -> Vec<String> {
    let opened = format!("<{name}>");
    xml.split(&opened).skip(1).map(|part| part.split("</").next().unwrap().to_owned()).collect()
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let group = |chunk: &[u8]| {
        let number = (0..3).fold(0_usize, |sum, place| sum << 8 | usize::from(*chunk.get(place).unwrap_or(&0)));
        (0..4)
            .map(|place| {
                let digit = DIGITS[number >> (18 - 6 * place) & 63];
                if place <= chunk.len() { char::from(digit) } else { '=' }
            })
            .collect::<String>()
    };
    bytes.chunks(3).map(group).collect()
}

/// Whether the other end ends the connection, before the read times out.
pub fn has_ended(stream: &mut impl Read) -> bool {
    match stream.read(&mut [0; 1]) {
        Ok(read) => read == 0,
        Err(error) => error.kind() == std::io::ErrorKind::ConnectionReset,
    }
}
