//! User data: whether it was meant as text or as base64, and what reaches the instance.
//!
//! In: the text of the record. Out: the bytes that it stands for, or what it looks like once decoded.
//! Never: shows any of it, for it may hold secrets; says what a program inside makes of it.
//! EC2 takes user data in base64 and hands out what that decodes to. We encode the record's text, so a record whose text
//! is base64 already boots with a line of gibberish, which cloud-init passes over without a word.

use base64::Engine as _;
use base64::alphabet::STANDARD as ALPHABET;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig, general_purpose::STANDARD};

/// For guessing only: any padding.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &ALPHABET,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// What user data begins with, and what it is then. <https://cloudinit.readthedocs.io/en/latest/explanation/format.html>,
/// <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/user-data.html>; case does not matter to the headers of MIME.
const BEGINNINGS: [(&[u8], &str); 15] = [
    (b"#!/", "a script"),
    (b"#! /", "a script"),
    (b"#cloud-config", "a cloud-config"),
    (b"#cloud-boothook", "a boot hook"),
    (b"#include", "an include file"),
    (b"#part-handler", "a part handler"),
    (b"#upstart-job", "an upstart job"),
    (b"## template:", "a template"),
    (b"content-type:", "a MIME archive"),
    (b"mime-version:", "a MIME archive"),
    (b"\x1f\x8b\x08", "compressed by gzip"),
    (b"<powershell>", "a script"),
    (b"<script>", "a script"),
    (b"{\"ignition\"", "an Ignition config"),
    (b"[settings", "Bottlerocket settings"),
];

/// The base64 without its line breaks, as it is sent.
pub fn in_one_line(text: &str) -> String {
    text.split_ascii_whitespace().collect()
}

/// What base64 decodes to; line breaks in it do not matter. `None`: it is no base64.
pub fn decoded(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(in_one_line(text)).ok()
}

/// What the text turns out to be once it is decoded, if it looks encoded: nothing that a program could read as it stands
/// has only letters of base64 and decodes to one of the known beginnings.
pub(crate) fn looks_encoded(text: &str) -> Option<&'static str> {
    // With the letters of URLs as well.
    let line = in_one_line(text).replace('-', "+").replace('_', "/");
    let bytes = LENIENT.decode(&line).ok()?;
    let begins = |beginning: &[u8]| {
        let start = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes).trim_ascii_start();
        start.get(..beginning.len()).is_some_and(|start| start.eq_ignore_ascii_case(beginning))
    };
    let known = BEGINNINGS.iter().find(|(beginning, _)| begins(beginning)).map(|(_, what)| *what);
    // Encoded twice, or more often: each time it is a quarter shorter.
    known.or_else(|| std::str::from_utf8(&bytes).ok().filter(|inner| !inner.is_empty()).and_then(looks_encoded))
}

/// Whether the text is a name by which the AWS CLI reads a file. It is not read here.
pub(crate) fn names_a_file(text: &str) -> bool {
    ["file://", "fileb://"].iter().any(|scheme| text.trim_start().starts_with(scheme))
}
