//! A table of one's own and the binary beside it.

use std::io::Write as _;
use std::net::{Ipv4Addr, TcpListener};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use dynoxide::Database;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};
use tempfile::TempDir;
use tokio::sync::oneshot;

/// The least that a record needs.
pub const SHOP: &str = "\
apiVersion: understudy.dev/v1alpha1
kind: StagingEnvironment
metadata:
  name: shop
  labels: {team: web}
spec:
  image: {amiId: ami-0123456789abcdef0}
  instances:
    count: 2
    types: [t3.medium]
  services:
    - port: 8080
  access:
    loadBalancer:
      - cidr: 0.0.0.0/0
";

/// Nothing listens there, so a connection is refused at once.
pub const NOBODY: &str = "http://127.0.0.1:1";

/// A DynamoDB in memory, a directory for files, and the environment that the binary is started in.
pub struct World {
    database: Database,
    endpoint: String,
    files: TempDir,
    /// Dropping it stops the server.
    _running: oneshot::Sender<()>,
}

/// How a run ended.
#[derive(Debug)]
pub struct Ran {
    pub status: i32,
    pub out: String,
    pub err: String,
}

impl World {
    /// Without a table.
    pub fn empty() -> Self {
        let database = Database::memory().unwrap();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        listener.set_nonblocking(true).unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let (running, stopped) = oneshot::channel::<()>();
        let served = database.clone();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let listener = tokio::net::TcpListener::from_std(listener).unwrap();
                tokio::select! {
                    _ = stopped => {}
                    () = dynoxide::server::serve_on(listener, served) => {}
                }
            });
        });
        Self { database, endpoint, files: TempDir::new().unwrap(), _running: running }
    }

    /// With the table.
    pub fn new() -> Self {
        let world = Self::empty();
        world.run(&["bootstrap"]).yes();
        world
    }

    /// With the table and the record of `shop`.
    pub fn with_shop() -> Self {
        let world = Self::new();
        world.run_with_input(&["apply", "-f", "-"], SHOP).says("stagingenvironment/shop created\n");
        world
    }

    /// Where its DynamoDB listens.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Its directory, in which drafts are kept too.
    pub fn dir(&self) -> PathBuf {
        self.files.path().to_owned()
    }

    /// Writes a file; its path.
    pub fn file(&self, name: &str, text: impl AsRef<[u8]>) -> String {
        let path = self.files.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    }

    /// The binary, in an environment of which nothing is inherited but where programs are found.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_understudy"));
        command
            .args(args)
            .env_clear()
            .envs(std::env::var_os("PATH").map(|path| ("PATH", path)))
            .env("HOME", self.files.path())
            .env("TMPDIR", self.files.path())
            .env("AWS_CONFIG_FILE", "/dev/null")
            .env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .env("AWS_ACCESS_KEY_ID", "test")
            .env("AWS_SECRET_ACCESS_KEY", "test")
            .env("AWS_REGION", "us-east-2")
            .env("AWS_ENDPOINT_URL", NOBODY)
            .env("AWS_ENDPOINT_URL_DYNAMODB", &self.endpoint)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// Runs it to its end.
    pub fn run(&self, args: &[&str]) -> Ran {
        ended(self.command(args))
    }

    /// The same, with something on stdin.
    pub fn run_with_input(&self, args: &[&str], input: &str) -> Ran {
        let mut child = self.command(args).stdin(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        Ran::of(child.wait_with_output().unwrap())
    }

    /// Applies a document that must be taken; what is said of it.
    pub fn apply(&self, document: &str) -> String {
        self.run_with_input(&["apply", "-f", "-"], document).yes().out
    }

    /// Stores an item, as another program would.
    pub fn put(&self, item: Value) {
        let Value::Object(item) = item else { panic!("an item is a map") };
        self.put_attributes(item.into_iter().map(|(name, value)| (name, attribute(value))).collect());
    }

    /// The same, of an item as DynamoDB's protocol writes it.
    pub fn put_attributes(&self, item: Value) {
        let request = json!({ "TableName": "understudy", "Item": item });
        self.database.put_item(serde_json::from_value(request).unwrap()).unwrap();
    }

    /// An item as DynamoDB's protocol writes it, if it is there.
    pub fn item(&self, name: &str, sk: &str) -> Option<Value> {
        let request = json!({ "TableName": "understudy", "Key": { "pk": { "S": name }, "sk": { "S": sk } } });
        let found = self.database.get_item(serde_json::from_value(request).unwrap()).unwrap();
        serde_json::to_value(found.item).ok().filter(|item| !item.is_null())
    }

    /// Waits until a process catches SIGINT.
    pub fn until_listening(&self, pid: u32) {
        let catches = || {
            let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
            let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).unwrap().trim();
            u64::from_str_radix(caught, 16).unwrap() & 0b10 != 0
        };
        while !catches() {
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
    }

    /// Removes an item, as the controller does at the end of a teardown.
    pub fn remove(&self, name: &str, sk: &str) {
        let request = json!({ "TableName": "understudy", "Key": { "pk": { "S": name }, "sk": { "S": sk } } });
        self.database.delete_item(serde_json::from_value(request).unwrap()).unwrap();
    }

    /// Plays a controller that reported so long ago.
    pub fn heartbeat(&self, seconds_ago: i64) {
        let at = Timestamp::now() - SignedDuration::from_secs(seconds_ago);
        self.put(json!({
            "pk": "_controller", "sk": "HEARTBEAT", "at": at, "holder": "a-1-0", "epoch": 1, "passes": { "shop": at },
        }));
    }

    /// Plays a controller that saw the record of `shop` as it is, with that in `Ready`.
    pub fn seen(&self, ready: (&str, &str, &str)) {
        self.seen_but(ready, json!({}));
    }

    /// The same, with other fields of STATUS as well.
    pub fn seen_but(&self, (truth, reason, message): (&str, &str, &str), fields: Value) {
        let shop = self.run(&["get", "shop", "-o", "json"]).yes().json();
        let now = Timestamp::now();
        let mut item = json!({
            "pk": "shop", "sk": "STATUS", "kind": "StagingEnvironmentStatus", "uid": "env-0123456789abcdef",
            "creationTimestamp": now, "generation": 1, "observedGeneration": 1, "revision": 1, "version": 1,
            "specHash": crds_schema::spec_hash(&shop), "finalizers": ["understudy.dev/teardown"],
            "desired": 2, "updated": 2, "ready": 1, "image": { "amiId": "ami-0123456789abcdef0" },
            "loadBalancer": {
                "arn": "arn:aws:elasticloadbalancing:us-east-2:123456789012:loadbalancer/app/shop-alb/50dc6c495c0c9188",
                "name": "shop-alb", "dnsName": "shop-alb-1.us-east-2.elb.amazonaws.com",
                "zones": ["us-east-2a", "us-east-2b"],
            },
            "conditions": [{
                "type": "Ready", "status": truth, "reason": reason, "message": message,
                "lastTransitionTime": now, "observedGeneration": 1,
            }],
        });
        item.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        self.put(item);
    }
}

/// A value in DynamoDB's protocol.
fn attribute(value: Value) -> Value {
    match value {
        Value::Null => json!({ "NULL": true }),
        Value::Bool(truth) => json!({ "BOOL": truth }),
        Value::Number(number) => json!({ "N": number.to_string() }),
        Value::String(text) => json!({ "S": text }),
        Value::Array(items) => json!({ "L": items.into_iter().map(attribute).collect::<Vec<_>>() }),
        Value::Object(fields) => {
            json!({ "M": fields.into_iter().map(|(name, value)| (name, attribute(value))).collect::<Map<_, _>>() })
        }
    }
}

/// Runs a command to its end.
pub fn ended(mut command: Command) -> Ran {
    Ran::of(command.output().unwrap())
}

impl Ran {
    pub fn of(output: std::process::Output) -> Self {
        Self {
            status: output.status.code().expect("it was ended by a signal"),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// It did what it was asked, and complained of nothing.
    pub fn yes(self) -> Self {
        assert_eq!((self.status, self.complaints().len()), (0, 0), "{self:?}");
        self
    }

    /// It did what it was asked and printed exactly that.
    pub fn says(self, out: &str) -> Self {
        let this = self.yes();
        assert_eq!(this.out, out, "{this:?}");
        this
    }

    /// It ended so, with nothing on stdout and exactly one complaint, which holds these words.
    pub fn complains(self, status: i32, words: &[&str]) -> Self {
        assert_eq!((self.status, self.out.as_str(), self.complaints().len()), (status, "", 1), "{self:?}");
        self.tells(words)
    }

    /// Its stderr holds these words.
    pub fn tells(self, words: &[&str]) -> Self {
        words.iter().for_each(|word| assert!(self.err.contains(word), "no `{word}` in {self:?}"));
        self
    }

    /// Its complaints: lines of the one form that errors have.
    pub fn complaints(&self) -> Vec<&str> {
        self.err.lines().filter(|line| line.starts_with("error: ")).collect()
    }

    /// Its stdout, which is one JSON document.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error} in {self:?}"))
    }
}
