//! A DynamoDB of the test's own, and the binary run against it.

use std::io::Write as _;
use std::net::{Ipv4Addr, TcpListener};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread::JoinHandle;

use dynoxide::Database;
use planner::id::EnvUid;
use planner::reason::Reason;
use planner::status::{Condition, ConditionType, Status, Truth};
use serde_json::{Map, Value, json};
use tokio::sync::oneshot;

/// The least that a record needs, with a place for more of its spec.
pub const RECORD: &str = "\
apiVersion: understudy.dev/v1alpha1
kind: StagingEnvironment
metadata:
  name: shop
  labels: {team: web}
spec:
  image: {amiId: ami-0123456789abcdef0}
  instances: {count: 2, types: [t3.medium]}
  services:
    - port: 8080
  access:
    loadBalancer:
      - cidr: 0.0.0.0/0
";

/// The same with another count, which is an edit.
pub fn with_count(count: u32) -> String {
    RECORD.replace("count: 2", &format!("count: {count}"))
}

/// The same under another name.
pub fn named(name: &str) -> String {
    RECORD.replace("name: shop", &format!("name: {name}"))
}

/// What a run printed, and how it ended.
#[derive(Debug)]
pub struct Ran {
    pub status: i32,
    pub out: String,
    pub err: String,
}

impl Ran {
    /// It ended so and printed exactly this, with nothing on stderr.
    #[track_caller]
    pub fn prints(&self, status: i32, out: &str) {
        assert_eq!((self.status, self.out.as_str(), self.err.as_str()), (status, out, ""));
    }

    /// It printed no result, and its errors begin so, a line each and no more.
    #[track_caller]
    pub fn complains(&self, status: i32, beginnings: &[&str]) {
        assert_eq!((self.status, self.out.as_str()), (status, ""), "{self:?}");
        let lines: Vec<&str> = self.err.lines().collect();
        assert_eq!(lines.len(), beginnings.len(), "{self:?}");
        for (line, beginning) in lines.iter().zip(beginnings) {
            assert!(
                line.starts_with(&format!("error: {beginning}")),
                "{line}\ndoes not begin with\nerror: {beginning}"
            );
            assert!(line.contains("; "), "does not say what to do: {line}");
        }
    }

    /// Its output as JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        assert_eq!(self.status, 0, "{self:?}");
        serde_json::from_str(&self.out).unwrap()
    }
}

/// A DynamoDB that serves until it is dropped.
pub struct Table {
    endpoint: String,
    database: Database,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
    pub folder: tempfile::TempDir,
}

impl Table {
    /// A DynamoDB without any table.
    pub fn missing() -> Self {
        let database = Database::memory().unwrap();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        listener.set_nonblocking(true).unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let (stop, stopped) = oneshot::channel::<()>();
        let served = database.clone();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let listener = tokio::net::TcpListener::from_std(listener).unwrap();
                tokio::select! {
                    _ = stopped => {}
                    () = dynoxide::server::serve_on(listener, served) => {}
                }
            });
        });
        let folder = tempfile::tempdir().unwrap();
        Self { endpoint, database, stop: Some(stop), thread: Some(thread), folder }
    }

    /// The same with the table in it.
    pub fn new() -> Self {
        let table = Self::missing();
        let ran = table.run(&["bootstrap"]);
        assert_eq!(ran.status, 0, "{ran:?}");
        table
    }

    /// The binary, with that command line and no other variables than it needs.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = bare(arguments);
        command.current_dir(self.folder.path()).env("UNDERSTUDY_ENDPOINT_URL", &self.endpoint);
        command
    }

    /// Where it listens.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Runs it to its end.
    pub fn run(&self, arguments: &[&str]) -> Ran {
        finish(self.command(arguments).spawn().unwrap(), "")
    }

    /// Runs it with that on stdin.
    pub fn run_with(&self, arguments: &[&str], input: &str) -> Ran {
        finish(self.command(arguments).spawn().unwrap(), input)
    }

    /// Applies that text.
    pub fn apply(&self, text: &str) -> Ran {
        self.run_with(&["apply", "-f", "-"], text)
    }

    /// Writes a file into the run's folder.
    pub fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    /// The item of that key.
    pub fn item(&self, pk: &str, sk: &str) -> Option<Value> {
        let request = json!({"TableName": "understudy", "Key": {"pk": {"S": pk}, "sk": {"S": sk}}});
        let reply = self.database.get_item(serde_json::from_value(request).unwrap()).unwrap();
        Some(plain(&serde_json::to_value(reply).unwrap()["Item"])).filter(|item| !item.is_null())
    }

    /// Writes an item.
    pub fn put(&self, item: &Value) {
        let request = json!({"TableName": "understudy", "Item": attribute(item)["M"]});
        self.database.put_item(serde_json::from_value(request).unwrap()).unwrap();
    }

    /// Removes an item.
    pub fn remove(&self, pk: &str, sk: &str) {
        let request = json!({"TableName": "understudy", "Key": {"pk": {"S": pk}, "sk": {"S": sk}}});
        self.database.delete_item(serde_json::from_value(request).unwrap()).unwrap();
    }

    /// What a controller writes when it has seen the stored SPEC of `shop`, and it is ready.
    pub fn observe(&self) {
        self.observe_as(Truth::True, Reason::AllHealthy);
    }

    /// The same with that verdict.
    pub fn observe_as(&self, truth: Truth, reason: Reason) {
        let now = jiff::Timestamp::now();
        let mut status = Status::new(EnvUid::parse("env-0001").unwrap(), now);
        (status.generation, status.observed_generation, status.revision) = (1, 1, 1);
        (status.desired, status.updated, status.ready) = (2, 2, 2);
        status.spec_hash = crds_schema::spec_hash(&self.item("shop", "SPEC").unwrap());
        status.conditions = vec![Condition {
            kind: ConditionType::Ready,
            status: truth,
            reason,
            message: "as the test says".to_owned(),
            last_transition_time: now,
            observed_generation: 1,
        }];
        let mut item: Map<String, Value> = serde_json::from_value(serde_json::to_value(&status).unwrap()).unwrap();
        item.insert("pk".to_owned(), "shop".into());
        item.insert("sk".to_owned(), "STATUS".into());
        item.insert("kind".to_owned(), "StagingEnvironmentStatus".into());
        self.put(&item.into());
        self.beat(0);
    }

    /// A heartbeat that is so many seconds old.
    pub fn beat(&self, age_seconds: i64) {
        let at = jiff::Timestamp::now() - jiff::SignedDuration::from_secs(age_seconds);
        let passes = json!({"shop": at});
        self.put(&json!({
            "pk": "_controller", "sk": "HEARTBEAT", "at": at, "holder": "test", "epoch": 1, "passes": passes,
        }));
    }
}

impl Drop for Table {
    fn drop(&mut self) {
        self.stop.take();
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }
}

/// The binary without an endpoint.
pub fn bare(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_understudy"));
    command.args(arguments).env_clear();
    command.env("PATH", std::env::var_os("PATH").unwrap());
    command.envs([
        ("AWS_REGION", "us-east-2"),
        ("AWS_ACCESS_KEY_ID", "test"),
        ("AWS_SECRET_ACCESS_KEY", "test"),
        // Nothing of the machine's own enters.
        ("AWS_CONFIG_FILE", "/nonexistent"),
        ("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent"),
        ("AWS_EC2_METADATA_DISABLED", "true"),
    ]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Feeds it, and waits for its end.
pub fn finish(mut child: Child, input: &str) -> Ran {
    // A run that reads no input may have ended before it is fed.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    let output = child.wait_with_output().unwrap();
    Ran {
        status: output.status.code().unwrap_or(-1),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

/// A value in DynamoDB's own JSON.
fn attribute(value: &Value) -> Value {
    match value {
        Value::Null => json!({"NULL": true}),
        Value::Bool(flag) => json!({"BOOL": flag}),
        Value::Number(number) => json!({"N": number.to_string()}),
        Value::String(text) => json!({"S": text}),
        Value::Array(values) => json!({"L": values.iter().map(attribute).collect::<Vec<_>>()}),
        Value::Object(map) => {
            json!({"M": map.iter().map(|(name, value)| (name.clone(), attribute(value))).collect::<Map<_, _>>()})
        }
    }
}

/// A map of DynamoDB's own JSON as plain JSON.
fn plain(attributes: &Value) -> Value {
    let Some(map) = attributes.as_object() else { return Value::Null };
    let value = |typed: &Value| {
        let (kind, value) = typed.as_object().unwrap().iter().next().unwrap();
        match kind.as_str() {
            "NULL" => Value::Null,
            "N" => serde_json::from_str(value.as_str().unwrap()).unwrap(),
            "M" => plain(value),
            "L" => value.as_array().unwrap().iter().map(|item| plain(&json!({"it": item}))["it"].take()).collect(),
            _ => value.clone(),
        }
    };
    map.iter().map(|(name, typed)| (name.clone(), value(typed))).collect::<Map<_, _>>().into()
}
