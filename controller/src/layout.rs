//! How text is laid out for people: how wide it may be, where lines break, and short names for what AWS names at length.
//!
//! A person reads at the width of the terminal; a program reads lines, so that in a pipe nothing is broken, shortened or
//! left out because of width. COLUMNS, which shells do not export by themselves, beats both: it was asked for.
//! Never: used for JSON or YAML, which keep every name as it is.

use std::collections::BTreeMap;
use std::io::stdout;

use planner::status::Status;

/// Narrower than this nothing can be read, so lines are broken as if it were this wide.
const WIDTH_MIN: usize = 40;
/// A column narrower than this holds no sentence; what does not fit beside is put below.
pub const COLUMN_MIN: usize = 44;

/// Characters in a line of stdout; `None`: as many as it takes.
pub fn width() -> Option<usize> {
    let asked = std::env::var("COLUMNS").ok().and_then(|columns| columns.trim().parse::<usize>().ok());
    let terminal = || terminal_size::terminal_size_of(stdout()).map(|(width, _)| usize::from(width.0));
    // A terminal that does not know its width says 0.
    asked.filter(|width| *width > 0).or_else(terminal).filter(|width| *width > 0).map(|width| width.max(WIDTH_MIN))
}

/// The text in lines of at most so many characters, broken between words. A word that is longer is broken anywhere.
pub fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    let mut room = width;
    for word in text.split_whitespace() {
        let mut letters: Vec<char> = word.chars().collect();
        let gap = usize::from(room < width);
        if letters.len() + gap > room && gap == 1 {
            lines.push(String::new());
            room = width;
        }
        while letters.len() > width {
            let rest = letters.split_off(width);
            push(&mut lines, &letters);
            lines.push(String::new());
            letters = rest;
        }
        let gap = usize::from(room < width);
        if gap == 1 {
            push(&mut lines, &[' ']);
        }
        push(&mut lines, &letters);
        room -= letters.len() + gap;
    }
    lines
}

fn push(lines: &mut [String], letters: &[char]) {
    if let Some(line) = lines.last_mut() {
        line.extend(letters);
    }
}

/// The text after `head`, with its further lines under its first one; below and set in where there is no room for that.
pub fn hanging(head: &str, text: &str, width: Option<usize>) -> Vec<String> {
    let Some(width) = width else { return vec![format!("{head}{text}")] };
    let indent = head.chars().count();
    if indent + text.chars().count().min(COLUMN_MIN) <= width {
        let blanks = " ".repeat(indent);
        let heads = std::iter::once(head).chain(std::iter::repeat(blanks.as_str()));
        let lines = wrapped(text, width - indent);
        return heads.zip(lines).map(|(head, line)| format!("{head}{line}")).collect();
    }
    let below = wrapped(text, width - BELOW.len()).into_iter().map(|line| format!("{BELOW}{line}"));
    std::iter::once(head.trim_end().to_owned()).chain(below).collect()
}

/// What stands before a text that is put below what it belongs to.
pub const BELOW: &str = "      ";

/// Short names for what one environment holds.
#[derive(Debug, Clone, Default)]
pub struct Names {
    /// Names of security groups, by id.
    groups: BTreeMap<String, String>,
}

impl Names {
    /// Those that its status knows.
    pub fn of(status: Option<&Status>) -> Self {
        let groups = status.into_iter().flat_map(|status| &status.security_groups.names);
        Self { groups: groups.map(|(id, name)| (id.to_string(), name.clone())).collect() }
    }

    /// The text with `lb/NAME`, `tg/NAME`, `listener/NAME` and `sg/NAME` instead of ARNs and ids.
    pub fn shortened(&self, text: &str) -> String {
        let mut short = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(start) = rest.find(|c: char| is_of_name(c)) {
            let (before, from) = rest.split_at(start);
            let end = from.find(|c: char| !is_of_name(c)).unwrap_or(from.len());
            let (name, after) = from.split_at(end);
            // A sentence may end with it.
            let bare = name.trim_end_matches(['.', ':']);
            short.push_str(before);
            short.push_str(&self.short(bare));
            short.push_str(&name[bare.len()..]);
            rest = after;
        }
        short.push_str(rest);
        short
    }

    /// The short form of one name; that of another kind of thing is left as it is.
    fn short(&self, name: &str) -> String {
        if let Some(arn) = name.strip_prefix("arn:") {
            return short_arn(arn).unwrap_or_else(|| name.to_owned());
        }
        let (id, rest) = name.split_at(name.find('/').unwrap_or(name.len()));
        match self.groups.get(id) {
            Some(group) => format!("sg/{group}{rest}"),
            None => name.to_owned(),
        }
    }
}

fn is_of_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || "-_:/.".contains(c)
}

/// <https://docs.aws.amazon.com/service-authorization/latest/reference/list_awselasticloadbalancingv2.html>
fn short_arn(arn: &str) -> Option<String> {
    let resource = arn.split(':').nth(4)?;
    let parts: Vec<&str> = resource.split('/').collect();
    match parts.as_slice() {
        ["loadbalancer", "app" | "net", name, _, rest @ ..] => Some(below(format!("lb/{name}"), rest)),
        ["targetgroup", name, _, rest @ ..] => Some(below(format!("tg/{name}"), rest)),
        ["listener" | "listener-rule", "app" | "net", name, _, _, ..] => Some(format!("listener/{name}")),
        _ => None,
    }
}

/// What follows an ARN in our own names of entries, such as `/attributes`.
fn below(name: String, rest: &[&str]) -> String {
    rest.iter().fold(name, |name, part| format!("{name}/{part}"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const BALANCER: &str =
        "arn:aws:elasticloadbalancing:us-east-2:123456789012:loadbalancer/app/shop-alb/50dc6c495c0c9188";
    const GROUP: &str =
        "arn:aws:elasticloadbalancing:us-east-2:123456789012:targetgroup/shop-web-6bdbe364/73e2d6bc24d8a067";

    fn names() -> Names {
        Names { groups: BTreeMap::from([("sg-0123456789abcdef0".to_owned(), "shop-instance-sg".to_owned())]) }
    }

    #[test]
    fn what_aws_names_at_length_is_named_shortly() {
        let short = |text: &str| names().shortened(text);
        assert_eq!(short(BALANCER), "lb/shop-alb");
        assert_eq!(short(&format!("{GROUP}: DuplicateName.")), "tg/shop-web-6bdbe364: DuplicateName.");
        assert_eq!(short(&format!("{GROUP}/attributes")), "tg/shop-web-6bdbe364/attributes");
        assert_eq!(short("(tcp 8080 sg-0123456789abcdef0)."), "(tcp 8080 sg/shop-instance-sg).");
        assert_eq!(short("sg-0123456789abcdef0/ingress"), "sg/shop-instance-sg/ingress");
        for other in ["sg-0aaa", "i-0994615951d0b9563", "10.0.0.0/8", "arn:aws:iam::1:role/x", "arn:", "https://x/y."] {
            assert_eq!(short(other), other);
        }
    }

    #[test]
    fn a_text_hangs_beside_its_head_or_below_where_there_is_no_room() {
        let text = "one two three four five six";
        assert_eq!(hanging("head  ", text, None), [format!("head  {text}")]);
        assert_eq!(hanging("head  ", text, Some(40)), ["head  one two three four five six"]);
        let long = "one two three four five six seven eight nine ten eleven";
        let beside = ["head  one two three four five six seven eight nine", "      ten eleven"];
        assert_eq!(hanging("head  ", long, Some(50)), beside);
        let below = hanging("a head that is long itself  ", text, Some(40));
        assert_eq!(below, ["a head that is long itself", "      one two three four five six"]);
    }

    proptest! {
        #[test]
        fn no_line_is_wider_and_no_word_is_lost(text in "[a-z-]{0,30}( [a-z-]{1,60}){0,12}", width in 1_usize..50) {
            let lines = wrapped(&text, width);
            for line in &lines {
                prop_assert!(line.chars().count() <= width, "{:?}", line);
            }
            let letters = |text: &str| text.chars().filter(|c| !c.is_whitespace()).collect::<String>();
            prop_assert_eq!(letters(&lines.concat()), letters(&text));
            let fits = text.split_whitespace().all(|word| word.chars().count() <= width);
            prop_assert!(!fits || lines.join(" ").split_whitespace().eq(text.split_whitespace()));
        }
    }
}
