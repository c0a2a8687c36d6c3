//! A client of the cloud's port: one connection a call, and an answer only if all of it came.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};

/// See the module.
#[derive(Debug, Clone, Copy)]
pub struct Client(SocketAddr);

/// The answer; or what it was refused with; or, if nobody answered, an empty text.
pub type Answer = Result<String, String>;

impl Client {
    pub fn of(address: SocketAddr) -> Self {
        Self(address)
    }

    pub fn ec2(&self, action: &str, pairs: &[(&str, &str)]) -> Answer {
        self.query("ec2", "2016-11-15", action, pairs)
    }

    pub fn elbv2(&self, action: &str, pairs: &[(&str, &str)]) -> Answer {
        self.query("elasticloadbalancing", "2015-12-01", action, pairs)
    }

    fn query(&self, service: &str, version: &str, action: &str, pairs: &[(&str, &str)]) -> Answer {
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.append_pair("Version", version).append_pair("Action", action).extend_pairs(pairs);
        let kind = "content-type: application/x-www-form-urlencoded\r\n";
        self.ask("POST", "/", &format!("{kind}{}", signed(service)), &form.finish())
    }

    pub fn dynamodb(&self, operation: &str, body: &str) -> Answer {
        let kind = "content-type: application/x-amz-json-1.0\r\nx-amz-date: 20261127T000000Z\r\n";
        let is_of_streams = operation.contains("Stream") || operation.contains("Shard") || operation == "GetRecords";
        let service = if is_of_streams { "DynamoDBStreams" } else { "DynamoDB" };
        let target = format!("x-amz-target: {service}_20120810.{operation}\r\n");
        self.ask("POST", "/", &format!("{kind}{target}{}", signed("dynamodb")), body)
    }

    pub fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, "", "")
    }

    pub fn post(&self, path: &str, body: &str) -> Answer {
        self.ask("POST", path, "", body)
    }

    fn ask(&self, method: &str, path: &str, headers: &str, body: &str) -> Answer {
        let length = body.len();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-length: {length}\r\n{headers}\r\n"
        );
        self.exchange(&format!("{head}{body}")).unwrap_or_else(|| Err(String::new()))
    }

    fn exchange(&self, request: &str) -> Option<Answer> {
        let mut stream = TcpStream::connect(self.0).ok()?;
        stream.write_all(request.as_bytes()).ok()?;
        let mut reply = String::new();
        stream.read_to_string(&mut reply).ok()?;
        let (head, body) = reply.split_once("\r\n\r\n")?;
        let length: usize = head.to_ascii_lowercase().split_once("content-length: ")?.1.lines().next()?.parse().ok()?;
        let whole = body.len() == length;
        let fine = head.starts_with("HTTP/1.1 200");
        whole.then(|| if fine { Ok(body.to_owned()) } else { Err(body.to_owned()) })
    }
}

fn signed(service: &str) -> String {
    let scope = format!("me/20261127/us-east-2/{service}/aws4_request");
    format!("authorization: AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=00\r\n")
}

/// The texts of the elements of that name.
pub fn texts(xml: &str, name: &str) -> Vec<String> {
    let (open, close) = (format!("<{name}>"), format!("</{name}>"));
    xml.split(&open).skip(1).filter_map(|rest| Some(rest.split_once(&close)?.0.to_owned())).collect()
}
