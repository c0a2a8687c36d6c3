//! Which way calls go: through the proxy that the environment names, or straight there.
//!
//! The variables are those of curl, as the SDK takes them. What stands on this machine or its own link is never asked through a
//! proxy, whatever they say: a proxy's loopback is another machine, and credentials of an instance or container come from a
//! link-local address. Nor is a cloud that `--local` names. Errors name the proxy and its variable by what is said here.
//! Never: shows a proxy's user or password.

use std::net::{IpAddr, Ipv6Addr};
use std::sync::atomic::{AtomicBool, Ordering};

use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use aws_smithy_http_client::{Builder, ConnectorBuilder};
use aws_smithy_runtime_api::client::connector_metadata::ConnectorMetadata;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use http::Uri;
use hyper_util::client::proxy::matcher::Matcher;

/// Of calls to `http://`: the first of a row that is set counts, then the next row.
const OF_HTTP: [[&str; 2]; 2] = [["HTTP_PROXY", "http_proxy"], ["ALL_PROXY", "all_proxy"]];
/// Of calls to `https://`.
const OF_HTTPS: [[&str; 2]; 2] = [["HTTPS_PROXY", "https_proxy"], ["ALL_PROXY", "all_proxy"]];
/// Hosts that are asked straight.
const EXCEPT: [&str; 2] = ["NO_PROXY", "no_proxy"];
/// Set for a program that a web server runs; then a header of a request could pass for a variable, so none counts.
const OF_CGI: &str = "REQUEST_METHOD";

/// Whether this process asks a cloud of its own, which no proxy leads to.
static ONLY_LOCAL: AtomicBool = AtomicBool::new(false);

/// A proxy, and the variable that names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proxy {
    /// Its address, without user and password.
    pub address: String,
    /// Where that comes from.
    pub variable: &'static str,
}

/// From now on no call of this process goes through a proxy.
pub fn never() {
    ONLY_LOCAL.store(true, Ordering::Relaxed);
}

/// The proxy through which a call to that URL goes, if any.
pub fn on_the_way_to(url: &str) -> Option<Proxy> {
    let url: Uri = url.parse().ok()?;
    if is_straight(&url) {
        return None;
    }
    chosen(&url, |name| std::env::var(name).ok())
}

/// What to add to an error about credentials: most of those that are asked for are asked for at AWS.
pub fn of_credentials() -> String {
    let proxy = on_the_way_to("https://sts.amazonaws.com");
    proxy.map_or_else(String::new, |Proxy { address, variable }| {
        format!("; whoever gives them is asked through the proxy {address} of {variable}")
    })
}

/// How a URL is told of in an error: with the proxy on the way to it.
pub fn told(url: &str) -> String {
    match on_the_way_to(url) {
        Some(Proxy { address, variable }) => {
            let host = url.parse::<Uri>().ok().and_then(|url| url.host().map(str::to_owned)).unwrap_or_default();
            format!("{url}, through the proxy {address} of {variable} (NO_PROXY={host} would ask it straight)")
        }
        None => url.to_owned(),
    }
}

fn is_straight(url: &Uri) -> bool {
    ONLY_LOCAL.load(Ordering::Relaxed) || url.host().is_some_and(is_near)
}

/// Whether that host is this machine, or can be reached from its own link alone.
fn is_near(host: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches([']', '.']).to_ascii_lowercase();
    match host.parse::<IpAddr>() {
        Ok(IpAddr::V4(ip)) => ip.is_loopback() || ip.is_link_local() || ip.is_unspecified(),
        Ok(IpAddr::V6(ip)) => match ip.to_ipv4_mapped() {
            Some(ip) => ip.is_loopback() || ip.is_link_local(),
            None => ip.is_loopback() || ip.is_unspecified() || ip.is_unicast_link_local() || is_of_instances(ip),
        },
        // "The domain localhost. and any names falling within .localhost." <https://www.rfc-editor.org/rfc/rfc6761#section-6.3>
        Err(_) => host == "localhost" || host.ends_with(".localhost"),
    }
}

/// Where an instance finds its metadata and credentials by IPv6: `fd00:ec2::254`, `fd00:ec2::23`.
/// <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-data-retrieval.html>
fn is_of_instances(ip: Ipv6Addr) -> bool {
    ip.segments()[..2] == [0xfd00, 0x0ec2]
}

/// What the variables say of a URL. One that is set to nothing, or to what is no address, names no proxy.
fn chosen(url: &Uri, variable: impl Fn(&str) -> Option<String>) -> Option<Proxy> {
    if variable(OF_CGI).is_some() {
        return None;
    }
    let first = |names: [&'static str; 2]| names.into_iter().find_map(|name| Some((name, variable(name)?)));
    let except = first(EXCEPT).map(|(_, except)| except).unwrap_or_default();
    let rows = if url.scheme_str() == Some("https") { OF_HTTPS } else { OF_HTTP };
    rows.into_iter().find_map(|row| {
        let (variable, value) = first(row)?;
        let proxy = Matcher::builder().all(value).no(except.clone()).build().intercept(url)?;
        let address = proxy.uri().to_string().trim_end_matches('/').to_owned();
        Some(Proxy { address, variable })
    })
}

/// The SDK's own client, but for who is asked straight.
pub fn client() -> SharedHttpClient {
    SharedHttpClient::new(Ways { straight: with(ProxyConfig::disabled), usual: with(ProxyConfig::from_env) })
}

/// As the SDK makes its default client, with these proxies.
fn with(proxies: fn() -> ProxyConfig) -> SharedHttpClient {
    Builder::new().build_with_connector_fn(move |settings, components| {
        let mut connector = ConnectorBuilder::default().tls_provider(Provider::Rustls(CryptoMode::AwsLc));
        connector.set_connector_settings(settings.cloned());
        connector.set_sleep_impl(components.and_then(RuntimeComponents::sleep_impl));
        connector.set_proxy_config(Some(proxies()));
        connector.build()
    })
}

/// Both ways; a connector of each is made only when it is gone.
#[derive(Debug, Clone)]
struct Ways {
    straight: SharedHttpClient,
    usual: SharedHttpClient,
}

impl HttpClient for Ways {
    fn http_connector(&self, settings: &HttpConnectorSettings, components: &RuntimeComponents) -> SharedHttpConnector {
        let (ways, settings, components) = (self.clone(), settings.clone(), components.clone());
        SharedHttpConnector::new(Crossing { ways, settings, components })
    }

    fn connector_metadata(&self) -> Option<ConnectorMetadata> {
        self.usual.connector_metadata()
    }
}

#[derive(Debug)]
struct Crossing {
    ways: Ways,
    settings: HttpConnectorSettings,
    components: RuntimeComponents,
}

impl HttpConnector for Crossing {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let straight = request.uri().parse::<Uri>().is_ok_and(|url| is_straight(&url));
        let way = if straight { &self.ways.straight } else { &self.ways.usual };
        way.http_connector(&self.settings, &self.components).call(request)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn by(variables: &[(&str, &str)], url: &str) -> Option<(String, &'static str)> {
        let found = |name: &str| variables.iter().find(|(own, _)| *own == name).map(|(_, value)| (*value).to_owned());
        chosen(&url.parse().unwrap(), found).map(|proxy| (proxy.address, proxy.variable))
    }

    #[test]
    fn what_is_on_this_machine_or_its_link_is_near() {
        for near in [
            "127.0.0.1",
            "127.8.9.1",
            "localhost",
            "LocalHost.",
            "aws.localhost",
            "[::1]",
            "::1",
            "0.0.0.0",
            "[::]",
            "169.254.169.254",
            "169.254.170.2",
            "[fe80::1]",
            "[fd00:ec2::254]",
            "[::ffff:127.0.0.1]",
        ] {
            assert!(is_near(near), "{near}");
        }
        for far in [
            "128.0.0.1",
            "10.0.0.1",
            "localhost.example.com",
            "notlocalhost",
            "ec2.us-east-2.amazonaws.com",
            "[2001:db8::1]",
        ] {
            assert!(!is_near(far), "{far}");
        }
    }

    #[test]
    fn the_variable_of_the_scheme_comes_before_that_of_all_and_capitals_before_small_letters() {
        let all = [
            ("ALL_PROXY", "http://a:1"),
            ("HTTPS_PROXY", "http://b:2"),
            ("https_proxy", "http://c:3"),
            ("http_proxy", "d:4"),
        ];
        assert_eq!(by(&all, "https://x"), Some(("http://b:2".into(), "HTTPS_PROXY")));
        assert_eq!(by(&all, "http://x"), Some(("http://d:4".into(), "http_proxy")));
        assert_eq!(by(&all[..1], "http://x"), Some(("http://a:1".into(), "ALL_PROXY")));
        assert_eq!(by(&[("HTTPS_PROXY", "http://b:2")], "http://x"), None);
        // Set to nothing, it names none, and hides the one in small letters.
        assert_eq!(by(&[("HTTPS_PROXY", ""), ("https_proxy", "http://c:3")], "https://x"), None);
        assert_eq!(by(&[("REQUEST_METHOD", "GET"), ("HTTPS_PROXY", "http://b:2")], "https://x"), None);
    }

    #[test]
    fn a_proxys_password_is_not_shown_and_exceptions_are_asked_straight() {
        let variables = [("HTTPS_PROXY", "http://me:secret@b:2"), ("no_proxy", "example.com, 10.0.0.0/8")];
        assert_eq!(by(&variables, "https://x"), Some(("http://b:2".into(), "HTTPS_PROXY")));
        for straight in ["https://example.com", "https://a.example.com", "https://10.1.2.3"] {
            assert_eq!(by(&variables, straight), None, "{straight}");
        }
    }
}
