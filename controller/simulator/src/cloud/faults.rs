//! What goes wrong on the way, by hand or by chance.
//!
//! Faults of the call itself: refused, lost, unanswered, late. What breaks in the world is in [`super::console`]; where a
//! replica dies is in [`crate::crash`].

use std::collections::BTreeMap;
use std::fmt;
use std::rc::Rc;
use std::time::Duration;

use aws_api::Operation;

use crate::entropy::Prng;

/// What befalls one call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// AWS refuses it with this code. Nothing is done.
    Refused {
        /// AWS's code.
        code: String,
    },
    /// It never arrives; the caller waits in vain.
    LostRequest,
    /// It takes effect, but the caller waits in vain.
    LostReply,
    /// The caller waits in vain, and it takes effect so long after it was sent.
    Late(Duration),
    /// It is answered, and takes effect once more so long after it was sent: a first try of the transport's own.
    /// Creates are left out, since they are sent once.
    Duplicate(Duration),
    /// It never arrives, and the caller waits for ever.
    Hang,
}

impl Fault {
    /// One that AWS refuses with this code.
    pub fn refused(code: &str) -> Self {
        Self::Refused { code: code.to_owned() }
    }

    /// What it is counted as.
    pub fn name(&self) -> String {
        match self {
            Self::Refused { code } => format!("refused: {code}"),
            Self::LostRequest => "request lost".into(),
            Self::LostReply => "reply lost".into(),
            Self::Late(_) => "request late".into(),
            Self::Duplicate(_) => "request doubled".into(),
            Self::Hang => "call hangs".into(),
        }
    }

    /// Whether it can befall that call.
    fn fits(&self, operation: Operation) -> bool {
        match self {
            Self::Duplicate(_) => operation.is_write() && !is_sent_once(operation),
            Self::Late(_) => operation.is_write(),
            Self::Refused { .. } | Self::LostRequest | Self::LostReply | Self::Hang => true,
        }
    }
}

/// Whether the transport does not try it again by itself: a create, whose second try could hide what became of the first.
fn is_sent_once(operation: Operation) -> bool {
    let creates = operation == Operation::RunInstances || operation.name().starts_with("Create");
    creates && operation != Operation::CreateTags
}

/// Which calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Calls {
    /// Every one.
    Any,
    /// Those that change something.
    Writes,
    /// Those of that operation.
    Of(Operation),
}

impl From<Operation> for Calls {
    fn from(operation: Operation) -> Self {
        Self::Of(operation)
    }
}

impl From<Option<Operation>> for Calls {
    fn from(operation: Option<Operation>) -> Self {
        operation.map_or(Self::Any, Self::Of)
    }
}

impl Calls {
    fn include(self, operation: Operation) -> bool {
        match self {
            Self::Any => true,
            Self::Writes => operation.is_write(),
            Self::Of(wanted) => wanted == operation,
        }
    }
}

/// Tells by what a call is about (the id that it names, else the name, the token or the filter that it gives) whether it
/// is one of those that are to fail.
#[derive(Clone)]
pub struct Aim(Rc<dyn Fn(&str) -> bool>);

impl Aim {
    /// At those.
    pub fn new(at: impl Fn(&str) -> bool + 'static) -> Self {
        Self(Rc::new(at))
    }
}

impl fmt::Debug for Aim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Aim")
    }
}

#[derive(Debug, Clone)]
struct Planned {
    calls: Calls,
    /// So many calls go through before.
    after: u32,
    fault: Fault,
    /// Absent: at any of them.
    aim: Option<Aim>,
}

#[derive(Debug, Clone)]
struct Often {
    calls: Calls,
    permille: u16,
    fault: Fault,
}

/// The faults to come.
#[derive(Debug, Clone, Default)]
pub(crate) struct Faults {
    planned: Vec<Planned>,
    often: Vec<Often>,
    counts: BTreeMap<String, u64>,
}

impl Faults {
    pub fn plan(&mut self, calls: Calls, after: u32, fault: Fault, aim: Option<Aim>) {
        self.planned.push(Planned { calls, after, fault, aim });
    }

    pub fn often(&mut self, calls: Calls, permille: u16, fault: Fault) {
        self.often.push(Often { calls, permille, fault });
    }

    /// Nothing more is to come. What happened stays counted.
    pub fn clear(&mut self) {
        self.planned.clear();
        self.often.clear();
    }

    /// How often each happened.
    pub fn counts(&self) -> &BTreeMap<String, u64> {
        &self.counts
    }

    pub fn count(&mut self, name: &str) {
        *self.counts.entry(name.to_owned()).or_default() += 1;
    }

    /// The fault of this call. Planned ones come first, in the order of their planning; each happens once.
    pub fn next(&mut self, operation: Operation, about: impl Fn() -> String, prng: &mut Prng) -> Option<Fault> {
        let fault = self.draw(operation, about, prng)?;
        self.count(&fault.name());
        Some(fault)
    }

    fn draw(&mut self, operation: Operation, about: impl Fn() -> String, prng: &mut Prng) -> Option<Fault> {
        let mut due = None;
        let aimed = |planned: &Planned| planned.aim.as_ref().is_none_or(|Aim(at)| at(&about()));
        let fits = |planned: &Planned| planned.calls.include(operation) && planned.fault.fits(operation);
        let concerned = |planned: &Planned| fits(planned) && aimed(planned);
        for (place, planned) in self.planned.iter_mut().enumerate().filter(|(_, planned)| concerned(planned)) {
            match planned.after.checked_sub(1) {
                Some(left) => planned.after = left,
                None => {
                    due = due.or(Some(place));
                }
            }
        }
        if let Some(place) = due {
            return Some(self.planned.remove(place).fault);
        }
        // Every one draws, so that one that does not happen moves none that does.
        let drawn = self.often.iter().filter(|often| often.calls.include(operation));
        let drawn = drawn.filter(|often| prng.chance(often.permille)).map(|often| often.fault.clone());
        drawn.collect::<Vec<_>>().pop().filter(|fault| fault.fits(operation))
    }
}
