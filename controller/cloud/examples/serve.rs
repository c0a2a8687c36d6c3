//! `understudy cloud` without the rest of `understudy`: quick to build, for quick tests of the cloud itself.
//!
//! Usage: serve [--listen ADDR:PORT] [--speed N] [--consistency eventual|strong] [--throttling on|off]. Port 0 takes a free one;
//! the line that it prints says which. It serves until it is killed. What users start is `controller/src/cli/cloud.rs`.

use std::error::Error;

use cloud::Options;
use simulator::cloud::ReadLags;

fn main() -> Result<(), Box<dyn Error>> {
    let options = options(std::env::args().skip(1))?;
    let running = cloud::start(&options)?;
    println!("EC2, ELBv2, STS, SSM and DynamoDB on http://{}, {} times", running.address(), options.speed);
    loop {
        std::thread::park();
    }
}

fn options(mut arguments: impl Iterator<Item = String>) -> Result<Options, Box<dyn Error>> {
    let mut options = Options::default();
    while let Some(flag) = arguments.next() {
        let value = arguments.next().ok_or_else(|| format!("{flag} wants a value"))?;
        match (flag.as_str(), value.as_str()) {
            ("--listen", address) => options.listen = vec![address.parse()?],
            ("--speed", speed) => options.speed = speed.parse()?,
            ("--consistency", "strong") => options.lag = ReadLags::default(),
            ("--consistency", "eventual") => options.lag = cloud::EVENTUAL,
            ("--throttling", "on") => options.throttling = true,
            ("--throttling", "off") => options.throttling = false,
            _ => return Err(format!("{flag} {value} is not known").into()),
        }
    }
    Ok(options)
}
