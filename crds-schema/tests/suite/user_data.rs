//! User data that was encoded already is not taken for text, and no text is taken for encoded.

use crds_schema::parse;
use crds_schema::user_data::{decoded, in_one_line};
use insta::assert_snapshot;
use proptest::prelude::*;
use serde_json::json;

use crate::{faults_with, minimal, with};

const AT: &str = "spec.instances.userData";
const FLAG: &str = "spec.instances.userDataBase64";
/// `#!/bin/sh`
const SCRIPT: &str = "IyEvYmluL3No";

fn told(text: &str) -> String {
    let document = with(minimal(), AT, json!(text));
    parse(&document).err().map_or(String::new(), |faults| faults.iter().map(ToString::to_string).collect())
}

#[test]
fn user_data_that_is_encoded_already_is_refused_at_its_path() {
    assert_snapshot!(told(SCRIPT), @"spec.instances.userData: looks base64-encoded (decoded, it is a script); write the text itself, or `userDataBase64: true` beside it to send it as it is");
    let encoded = [
        ("I2Nsb3VkLWNvbmZpZwpob3N0bmFtZTogYgo=", "a cloud-config"),
        ("I2Nsb3VkLWNvbmZpZwpob3N0bmFtZTogYgo", "a cloud-config"),
        ("I2Nsb3Vk\nLWNvbmZp\r\nZwpob3N0bmFtZTogYgo=\n", "a cloud-config"),
        ("I2Nsb3VkLWNvbmZpZy1hcmNoaXZlCg==", "a cloud-config"),
        ("I2luY2x1ZGUgaHR0cHM6Ly9leGFtcGxlLmNvbS9h", "an include file"),
        ("I2Nsb3VkLWJvb3Rob29rCmVjaG8=", "a boot hook"),
        ("I3BhcnQtaGFuZGxlcgo=", "a part handler"),
        ("I3Vwc3RhcnQtam9iCg==", "an upstart job"),
        ("IyMgdGVtcGxhdGU6IGppbmphCiNjbG91ZC1jb25maWcK", "a template"),
        ("Q29udGVudC1UeXBlOiBtdWx0aXBhcnQvbWl4ZWQ=", "a MIME archive"),
        ("TUlNRS1WZXJzaW9uOiAxLjA=", "a MIME archive"),
        ("H4sIAAAAAAAAA0tMSgYAwkEkNQMAAAA=", "compressed by gzip"),
        ("PHBvd2Vyc2hlbGw+", "a script"),
        ("77u/IyEvYmluL3No", "a script"),
        ("SXlFdlltbHVMM05v", "a script"),
        ("IyEvYmluL3NoCiPDvMO_Pz8_", "a script"),
    ];
    for (text, what) in encoded {
        assert!(told(text).contains(&format!("(decoded, it is {what})")), "{text}: {}", told(text));
    }
}

#[test]
fn a_text_is_not_taken_for_encoded() {
    let texts = [
        "",
        "#cloud-config",
        "#!/bin/sh\necho IyEvYmluL3No",
        "UNDERSTUDY_APP_SESSIONS=redis\n",
        "hello",
        "AAAA",
        "IyEA",
        "c2hvcA==",
        "ZXhhbXBsZQ",
        "xxxxxxxxxxxxxxxx",
        "{}",
        "[settings.host]",
        "IyEvYmluL3No.",
        "TUlN",
    ];
    for text in texts {
        assert_eq!(told(text), "", "{text}");
    }
}

#[test]
fn the_name_of_a_file_is_not_its_text() {
    assert_snapshot!(told("file://boot.sh"), @"spec.instances.userData: is the name of a file, which is not read; write the text itself, below `userData: |`");
    assert!(told(" fileb://boot.gz").contains("the name of a file"));
    assert_eq!(told("#!/bin/sh\ncurl file:///etc/motd"), "");
}

#[test]
fn base64_that_is_said_to_be_base64_is_taken_and_checked() {
    let flagged = |text: &str| with(with(minimal(), AT, json!(text)), FLAG, json!(true));
    for text in [SCRIPT, "H4sIAAAA\nAAAA\n", "", "/+8="] {
        let spec = parse(&flagged(text)).unwrap_or_else(|faults| panic!("{text}: {faults:?}")).spec;
        assert!(spec.instances.user_data_base64);
    }
    let wrong = |text: &str| faults_with(&[(AT, json!(text)), (FLAG, json!(true))]);
    assert_snapshot!(wrong("#cloud-config"), @"spec.instances.userData: is not base64; write what `base64 < FILE` prints, or leave userDataBase64 out");
    assert_snapshot!(wrong("SXlFdlltbHVMM05v"), @"spec.instances.userData: is encoded twice; in the end it is a script; encode it once");
    assert_snapshot!(faults_with(&[(FLAG, json!(true))]), @"spec.instances.userDataBase64: there is no userData that it speaks of; add userData, or leave this out");
    // 16 KiB once decoded, however long before.
    assert!(parse(&flagged(&format!("{}AA==", "AAAA".repeat(5461)))).is_ok());
    assert_snapshot!(wrong(&format!("{}AAA=", "AAAA".repeat(5461))), @"spec.instances.userData: is 16385 bytes long once decoded; use at most 16384; fetch the rest from there, or compress it");
}

#[test]
fn what_is_refused_is_never_shown() {
    // `#!/bin/sh hunter2`, once and twice.
    for (text, flag) in
        [("IyEvYmluL3NoIGh1bnRlcjI=", false), ("SXlFdlltbHVMM05vSUdoMWJuUmxjakk9", true), ("file://hunter2", false)]
    {
        let told = faults_with(&[(AT, json!(text)), (FLAG, json!(flag))]);
        assert!(!told.contains("hunter2") && !told.contains(text), "{told}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    /// Text that a boot reads has a line of words: a space, a `#` or a `:`, none of which base64 has.
    #[test]
    fn no_text_with_a_word_of_its_own_is_taken_for_encoded(text in "[ -~\n]{0,40}[#:!<>{}()$. ][ -~\n]{0,40}") {
        prop_assume!(text.contains(|c| "#:!<>{}()$.".contains(c)) && !text.trim_start().starts_with("file"));
        prop_assert_eq!(told(&text), "");
    }

    #[test]
    fn what_is_sent_decodes_to_the_same(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
        let encoded = encode(&bytes);
        let broken: String = encoded.chars().flat_map(|c| [c, '\n']).collect();
        prop_assert_eq!(decoded(&broken), Some(bytes));
        prop_assert_eq!(in_one_line(&broken), encoded);
    }
}

fn encode(bytes: &[u8]) -> String {
    const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let group = |chunk: &[u8]| {
        let bits = chunk.iter().chain([&0; 2]).take(3).fold(0_usize, |bits, byte| bits << 8 | usize::from(*byte));
        let letter = |n: usize| if n <= chunk.len() { char::from(LETTERS[bits >> (18 - 6 * n) & 63]) } else { '=' };
        (0..4).map(letter).collect::<String>()
    };
    bytes.chunks(3).map(group).collect()
}
