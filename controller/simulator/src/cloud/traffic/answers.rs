//! What a load balancer answers by itself, and what it tells a target about the client.
//!
//! <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/rule-action-types.html>,
//! <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-troubleshooting.html>.

use super::super::actions::{FixedResponse, Redirect};
use super::table::ForwardedFor;
use super::{Asked, Listener};

/// An answer without a target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Its status.
    pub status: u16,
    /// Where it sends the client.
    pub location: Option<String>,
    /// What its body is.
    pub content_type: Option<String>,
    /// Its body.
    pub body: String,
}

impl Answer {
    /// A page that says that status and no more.
    pub fn page(status: u16) -> Self {
        let title = match status {
            301 => "301 Moved Permanently",
            302 => "302 Found",
            400 => "400 Bad Request",
            405 => "405 Method Not Allowed",
            408 => "408 Request Time-out",
            413 => "413 Request Entity Too Large",
            463 => "463 ",
            502 => "502 Bad Gateway",
            503 => "503 Service Temporarily Unavailable",
            504 => "504 Gateway Time-out",
            _ => "500 Internal Server Error",
        };
        let body = format!(
            "<html>\r\n<head><title>{title}</title></head>\r\n<body>\r\n<center><h1>{title}</h1></center>\r\n</body>\r\n</html>\r\n"
        );
        Self { status, location: None, content_type: Some("text/html".into()), body }
    }

    pub(super) fn fixed(fixed: &FixedResponse) -> Self {
        Self {
            status: fixed.status.parse().unwrap_or(200),
            location: None,
            content_type: fixed.content_type.clone(),
            body: fixed.body.clone().unwrap_or_default(),
        }
    }

    /// To the parts of the URI that the action names, where `#{...}` stands for what the request has.
    /// <https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_RedirectActionConfig.html>
    pub(super) fn redirect(to: &Redirect, listener: &Listener, asked: &Asked<'_>) -> Self {
        let port = listener.port().to_string();
        let own = [
            ("#{protocol}", "http"),
            ("#{host}", asked.hostname()),
            ("#{port}", port.as_str()),
            ("#{path}", asked.path.trim_start_matches('/')),
            ("#{query}", asked.query),
        ];
        let filled = |text: &str| filled(text, &own);
        let (protocol, host) = (filled(&to.protocol).to_ascii_lowercase(), filled(&to.host));
        let query = Some(filled(&to.query)).filter(|query| !query.is_empty());
        let query = query.map_or(String::new(), |query| format!("?{query}"));
        let location = format!("{protocol}://{host}:{}{}{query}", filled(&to.port), filled(&to.path));
        let status = if to.status == "HTTP_302" { 302 } else { 301 };
        Self { location: Some(location), ..Self::page(status) }
    }
}

/// The text with each name that stands in it replaced, once: what a client sends is not looked at again.
fn filled(text: &str, own: &[(&str, &str); 5]) -> String {
    let (mut rest, mut done) = (text, String::new());
    while let Some(place) = rest.find("#{") {
        done.push_str(&rest[..place]);
        rest = &rest[place..];
        match own.iter().find(|(name, _)| rest.starts_with(name)) {
            Some((name, value)) => {
                done.push_str(value);
                rest = &rest[name.len()..];
            }
            None => {
                done.push_str("#{");
                rest = &rest[2..];
            }
        }
    }
    done + rest
}

impl Listener {
    /// What a target is told in `X-Forwarded-For`; `None`: nothing.
    /// <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/x-forwarded-headers.html>
    pub fn forwarded_for(&self, asked: &Asked<'_>, client_port: u16) -> Option<String> {
        let before: Vec<&str> = asked.header("x-forwarded-for").collect();
        let before = Some(before.join(", ")).filter(|before| !before.is_empty());
        match self.forwarded_for {
            ForwardedFor::Remove => None,
            ForwardedFor::Preserve => before,
            ForwardedFor::Append { port } => {
                let client = asked.source;
                let client = if port { format!("{client}:{client_port}") } else { client.to_string() };
                Some(before.map_or(client.clone(), |before| format!("{before}, {client}")))
            }
        }
    }
}
