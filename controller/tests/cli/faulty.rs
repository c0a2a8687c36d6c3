//! Bad input and bad surroundings: one clear message each, the right exit status, and nothing written.

use crate::table::{RECORD, Table, bare, finish};

/// It is refused with 1, by errors that begin so, and nothing was written.
#[track_caller]
fn refused(text: &str, beginnings: &[&str]) {
    let table = Table::new();
    table.apply(text).complains(1, beginnings);
    assert_eq!(table.item("shop", "SPEC"), None);
}

#[test]
fn unreadable_yaml_is_named_by_line_and_column() {
    refused("spec:\n  a: [1,\n", &["stdin: line "]);
    refused("a: 1\na: 2\n", &["stdin: line 2, column 1: the key `a` stands twice"]);
    refused("", &["stdin: line 1, column 1: the file is empty"]);
    refused("- a\n- b\n", &["stdin: line 1, column 1: the document is a list"]);
    refused("just words\n", &["stdin: line 1, column 1: the document is a single value"]);
}

#[test]
fn an_alias_bomb_is_refused() {
    let mut bomb = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for level in 1..9 {
        let inner = vec![format!("*a{}", level - 1); 10].join(", ");
        bomb.push_str(&format!("a{level}: &a{level} [{inner}]\n"));
    }
    refused(&bomb, &["stdin: line "]);
}

#[test]
fn every_fault_is_named_at_once() {
    let faulty = RECORD
        .replace("count: 2", "count: many")
        .replace("port: 8080", "port: 70000\n      colour: red")
        .replace("0.0.0.0/0", "10.0.0.1/8");
    refused(
        &faulty,
        &[
            "spec.access.loadBalancer[0].cidr: ",
            "spec.instances.count: ",
            "spec.services[0].colour: ",
            "spec.services[0].port: ",
        ],
    );
    refused(&RECORD.replace("kind: StagingEnvironment", "kind: Deployment"), &["kind: "]);
    refused(&RECORD.replace("v1alpha1", "v9"), &["apiVersion: "]);
    refused(&RECORD.replace("name: shop", "name: Shop!"), &["metadata.name: "]);
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let table = Table::new();
    table.run(&["apply", "-f", "none.yaml"]).complains(1, &["none.yaml: cannot be read"]);
    let path = table.file("latin1.yaml", "");
    std::fs::write(&path, b"a: \xe9\n").unwrap();
    table.run(&["apply", "-f", "latin1.yaml"]).complains(1, &["latin1.yaml: cannot be read"]);
}

/// Runs every verb that reads or writes the table.
fn all_verbs(run: impl Fn(&[&str]) -> crate::table::Ran, beginning: &str) {
    let verbs: [&[&str]; 9] = [
        &["get"],
        &["get", "shop", "-w"],
        &["describe", "shop"],
        &["events", "shop"],
        &["wait", "shop", "--for", "condition=Ready"],
        &["delete", "shop"],
        &["apply", "-f", "-"],
        &["diff", "-f", "-"],
        &["plan", "shop"],
    ];
    for verb in verbs {
        run(verb).complains(2, &[beginning]);
    }
}

#[test]
fn a_missing_table_says_to_bootstrap() {
    let table = Table::missing();
    all_verbs(|verb| table.run_with(verb, RECORD), "table understudy: does not exist; run `understudy bootstrap`");
    table.run(&["get", "--table", "nonesuch"]).complains(2, &["table nonesuch: does not exist"]);
}

#[test]
fn an_unreachable_endpoint_is_named() {
    // Port 9 of loopback: nothing listens there.
    let run = |verb: &[&str]| {
        finish(bare(verb).env("UNDERSTUDY_ENDPOINT_URL", "http://127.0.0.1:9").spawn().unwrap(), RECORD)
    };
    run(&["get"]).complains(2, &["http://127.0.0.1:9: did not answer"]);
    run(&["apply", "-f", "-"]).complains(2, &["http://127.0.0.1:9: did not answer"]);
    run(&["bootstrap"]).complains(2, &["http://127.0.0.1:9: did not answer"]);
}

#[test]
fn the_flag_beats_the_variables() {
    let table = Table::new();
    let url = table.endpoint();
    let mut command = bare(&["get", "-o", "json", "--endpoint-url", url]);
    command.env("UNDERSTUDY_ENDPOINT_URL", "http://127.0.0.1:9").env("AWS_ENDPOINT_URL_DYNAMODB", "http://127.0.0.1:9");
    assert_eq!(finish(command.spawn().unwrap(), "").status, 0);
    let mut command = bare(&["get", "-o", "json"]);
    command.env("UNDERSTUDY_ENDPOINT_URL", url).env("AWS_ENDPOINT_URL_DYNAMODB", "http://127.0.0.1:9");
    assert_eq!(finish(command.spawn().unwrap(), "").status, 0);
    let mut command = bare(&["get", "-o", "json"]);
    command.env("AWS_ENDPOINT_URL_DYNAMODB", url).env("UNDERSTUDY_ENDPOINT_URL", "");
    assert_eq!(finish(command.spawn().unwrap(), "").status, 0);
}

#[test]
fn missing_credentials_and_region_are_told() {
    let table = Table::new();
    let mut command = table.command(&["get"]);
    command.env_remove("AWS_ACCESS_KEY_ID").env_remove("AWS_SECRET_ACCESS_KEY");
    finish(command.spawn().unwrap(), "").complains(2, &["AWS credentials: none were found"]);
    let mut command = table.command(&["get"]);
    command.env_remove("AWS_REGION");
    finish(command.spawn().unwrap(), "").complains(2, &["--region: nothing names a region"]);
}

#[test]
fn a_denied_permission_names_the_action_the_table_and_the_statement() {
    use std::io::{Read as _, Write as _};
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = [0; 4096];
        let _ = stream.read(&mut request).unwrap();
        let body = r#"{"__type":"com.amazonaws.dynamodb#AccessDeniedException","Message":"not authorized"}"#;
        let head = format!(
            "HTTP/1.1 400 Bad Request\r\nContent-Type: application/x-amz-json-1.0\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all(format!("{head}{body}").as_bytes()).unwrap();
    });
    let ran = finish(bare(&["get", "shop", "--endpoint-url", &url]).spawn().unwrap(), "");
    server.join().unwrap();
    ran.complains(2, &["dynamodb:GetItem on table/understudy: was denied"]);
    assert!(ran.err.contains(r#""Action":["dynamodb:GetItem"],"Effect":"Allow""#), "{}", ran.err);
}
