//! What changes so rarely that it is not asked for in every pass: subnets, offerings, images.
//!
//! Nothing that we do changes any of it, so it may be older than our last mutating call. Each kind has a named time to
//! live. A question with other arguments is another question; one that cannot be asked anew is not answered from
//! memory: the part is then unread.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use aws_api::ec2::{Image, ImageRead, NetworkRead, Subnet};
use aws_api::id::{AmiId, Zone};
use aws_api::{CloudError, ErrorKind, Filter, Page, Read, Reply, Request};
use futures::future::join_all;
use planner::lookup::Lookups;
use planner::observed::{FallbackSight, Part};

use super::read::PAGES_MAX;
use crate::context::Ctx;

/// Subnets: made and removed by hand, a few times a year. One that was just made is used within five minutes.
pub const SUBNETS_TTL: Duration = Duration::from_secs(300);
/// Offerings: AWS adds a type to a zone now and then.
pub const OFFERINGS_TTL: Duration = Duration::from_secs(300);
/// The image: it becomes available, or is deregistered, while launches wait for it or depend on it.
pub const IMAGE_TTL: Duration = Duration::from_secs(60);
/// Most answers kept. Three an environment; beyond that the oldest goes first.
const ANSWERS_MAX: usize = 3000;

/// The answers of all environments, by region and question.
#[derive(Debug, Default)]
pub struct Reference(RefCell<BTreeMap<(String, Question), Known>>);

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Question {
    /// Of that VPC; `None`: the default ones.
    Subnets(Option<String>),
    Offerings(Vec<String>),
    Image(AmiId),
}

#[derive(Debug, Clone)]
struct Known {
    asked: Duration,
    answer: Answer,
}

#[derive(Debug, Clone)]
enum Answer {
    Subnets(Vec<Subnet>),
    Offerings(BTreeSet<Zone>),
    Image(Option<Image>),
}

/// The parts for one environment.
#[derive(Debug)]
pub(super) struct Referred {
    pub subnets: Part<Vec<Subnet>>,
    pub offerings: Part<BTreeSet<Zone>>,
    pub image: Part<Option<Image>>,
    /// The last two of the last good revision.
    pub fallback: Option<FallbackSight>,
}

impl Question {
    fn ttl(&self) -> Duration {
        match self {
            Self::Subnets(_) => SUBNETS_TTL,
            Self::Offerings(_) => OFFERINGS_TTL,
            Self::Image(_) => IMAGE_TTL,
        }
    }

    fn request(&self, page: Page) -> Read {
        match self {
            Self::Subnets(Some(vpc)) => Read::Network(NetworkRead::Subnets {
                filters: vec![Filter { name: "vpc-id".into(), values: vec![vpc.clone()] }],
                page,
            }),
            Self::Subnets(None) => Read::Network(NetworkRead::Subnets {
                filters: vec![Filter { name: "default-for-az".into(), values: vec!["true".into()] }],
                page,
            }),
            Self::Offerings(types) => Read::Network(NetworkRead::TypeOfferings { types: types.clone(), page }),
            Self::Image(id) => Read::Image(ImageRead::Describe { ids: vec![id.clone()] }),
        }
    }

    /// The answer before any page.
    fn nothing(&self) -> Answer {
        match self {
            Self::Subnets(_) => Answer::Subnets(Vec::new()),
            Self::Offerings(_) => Answer::Offerings(BTreeSet::new()),
            Self::Image(_) => Answer::Image(None),
        }
    }
}

impl Answer {
    /// Takes in a page, and says where to go on; `None`: it is the reply of another call.
    fn take(&mut self, reply: Reply) -> Option<Page> {
        match self {
            Self::Subnets(all) => {
                let Reply::Subnets(some, next) = reply else { return None };
                all.extend(some);
                Some(next)
            }
            Self::Offerings(all) => {
                let Reply::InstanceTypeOfferings(some, next) = reply else { return None };
                all.extend(some.into_iter().map(|(_, zone)| zone));
                Some(next)
            }
            Self::Image(one) => {
                let Reply::Images(images) = reply else { return None };
                *one = images.into_iter().next();
                Some(None)
            }
        }
    }
}

impl Reference {
    /// The parts for each of `lookups`. What is known and not too old is not asked again.
    pub(super) async fn refer(&self, ctx: &Ctx<'_>, region: &str, lookups: &[&Lookups]) -> Vec<Referred> {
        let questions: BTreeSet<Question> = lookups.iter().flat_map(|one| questions(one)).collect();
        let answers: Answers = join_all(questions.into_iter().map(|question| async {
            let answer = self.answer(ctx, region, &question).await;
            (question, answer)
        }))
        .await
        .into_iter()
        .collect();
        lookups.iter().map(|one| referred(one, &answers)).collect()
    }

    async fn answer(&self, ctx: &Ctx<'_>, region: &str, question: &Question) -> Result<Answer, CloudError> {
        let asked = ctx.clock.elapsed();
        let key = (region.to_owned(), question.clone());
        if let Some(known) = self.0.borrow().get(&key)
            && asked.saturating_sub(known.asked) < question.ttl()
        {
            return Ok(known.answer.clone());
        }
        let answer = ask(ctx, region, question).await;
        let mut all = self.0.borrow_mut();
        match &answer {
            Ok(answer) => all.insert(key, Known { asked, answer: answer.clone() }),
            Err(_) => all.remove(&key),
        };
        if all.len() > ANSWERS_MAX {
            let oldest = all.iter().min_by_key(|(_, known)| known.asked).map(|(key, _)| key.clone());
            oldest.map(|key| all.remove(&key));
        }
        answer
    }
}

/// What there is to ask. Without a spec nothing can be launched, and nothing is asked.
fn questions(lookups: &Lookups) -> Vec<Question> {
    let mut all = Vec::new();
    if !lookups.types.is_empty() {
        all.push(Question::Subnets(lookups.vpc.clone()));
        all.push(Question::Offerings(lookups.types.clone()));
    }
    all.extend(lookups.image.as_deref().and_then(image_question));
    if let Some((image, types)) = &lookups.fallback {
        all.push(Question::Offerings(types.clone()));
        all.extend(image_question(image));
    }
    all
}

/// A text that is no AMI id names no image, so that AWS need not be asked.
fn image_question(id: &str) -> Option<Question> {
    AmiId::parse(id).ok().map(Question::Image)
}

async fn ask(ctx: &Ctx<'_>, region: &str, question: &Question) -> Result<Answer, CloudError> {
    let mut answer = question.nothing();
    let mut page = None;
    for _ in 0..PAGES_MAX {
        let read = question.request(page);
        let operation = read.operation();
        let reply = match ctx.call(region, Request::Read(read)).await {
            // A deleted image, and one whose owner no longer shares it, are answers: there is none for us.
            Err(error) if is_no_image(question, &error) => return Ok(Answer::Image(None)),
            reply => reply?,
        };
        page = answer.take(reply).ok_or_else(|| CloudError::bug(operation, "the reply is that of another call"))?;
        if page.is_none() {
            return Ok(answer);
        }
    }
    let operation = question.request(page).operation();
    Err(CloudError::bug(operation, format!("the answer has more than {PAGES_MAX} pages")))
}

fn is_no_image(question: &Question, error: &CloudError) -> bool {
    let none = error.kind == ErrorKind::NotFound || error.is("InvalidAMIID.Malformed");
    matches!(question, Question::Image(_)) && none
}

type Answers = BTreeMap<Question, Result<Answer, CloudError>>;

/// Each image is asked for apart: AWS fails a whole call for one id that is missing.
fn referred(lookups: &Lookups, answers: &Answers) -> Referred {
    let has_types = !lookups.types.is_empty();
    let subnets = Question::Subnets(lookups.vpc.clone());
    let fallback = lookups.fallback.as_ref().map(|(image, types)| FallbackSight {
        offerings: offerings(answers, types),
        image: image_part(answers, image),
    });
    Referred {
        subnets: match answers.get(&subnets).filter(|_| has_types) {
            Some(Ok(Answer::Subnets(subnets))) => Part::Seen(subnets.clone()),
            answer => {
                if has_types {
                    Part::Unread(why(answer))
                } else {
                    Part::Seen(Vec::new())
                }
            }
        },
        offerings: if has_types { offerings(answers, &lookups.types) } else { Part::Seen(BTreeSet::new()) },
        image: lookups.image.as_deref().map_or(Part::Seen(None), |image| image_part(answers, image)),
        fallback,
    }
}

fn offerings(answers: &Answers, types: &[String]) -> Part<BTreeSet<Zone>> {
    match answers.get(&Question::Offerings(types.to_vec())) {
        Some(Ok(Answer::Offerings(zones))) => Part::Seen(zones.clone()),
        answer => Part::Unread(why(answer)),
    }
}

fn image_part(answers: &Answers, image: &str) -> Part<Option<Image>> {
    let Some(question) = image_question(image) else { return Part::Seen(None) };
    match answers.get(&question) {
        Some(Ok(Answer::Image(image))) => Part::Seen(image.clone()),
        answer => Part::Unread(why(answer)),
    }
}

fn why(answer: Option<&Result<Answer, CloudError>>) -> String {
    match answer {
        Some(Err(error)) => error.to_string(),
        Some(Ok(_)) | None => "it was not asked for".into(),
    }
}
