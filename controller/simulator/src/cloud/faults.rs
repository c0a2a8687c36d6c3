//! What goes wrong on the way, by hand or by chance.
//!
//! Faults of the call itself: refused, lost, unanswered, late. What breaks in the world is in [`super::console`]; where a
//! replica dies is in [`crate::crash`].

use std::time::Duration;

use engine::operation::Operation;

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
    /// It never arrives, and the caller waits for ever.
    Hang,
}

impl Fault {
    /// One that AWS refuses with this code.
    pub fn refused(code: &str) -> Self {
        Self::Refused { code: code.to_owned() }
    }
}

#[derive(Debug, Clone)]
struct Planned {
    /// Absent: any.
    operation: Option<Operation>,
    /// So many calls go through before.
    after: u32,
    fault: Fault,
}

#[derive(Debug, Clone)]
struct Often {
    operation: Option<Operation>,
    permille: u16,
    fault: Fault,
}

/// The faults to come.
#[derive(Debug, Clone, Default)]
pub(crate) struct Faults {
    planned: Vec<Planned>,
    often: Vec<Often>,
}

impl Faults {
    pub fn plan(&mut self, operation: Option<Operation>, after: u32, fault: Fault) {
        self.planned.push(Planned { operation, after, fault });
    }

    pub fn often(&mut self, operation: Option<Operation>, permille: u16, fault: Fault) {
        self.often.push(Often { operation, permille, fault });
    }

    pub fn clear(&mut self) {
        *self = Self::default();
    }

    /// The fault of this call. Planned ones come first, in the order of their planning; each happens once.
    pub fn next(&mut self, operation: Operation, prng: &mut Prng) -> Option<Fault> {
        let concerns = |wanted: Option<Operation>| wanted.is_none_or(|wanted| wanted == operation);
        let mut due = None;
        for (place, planned) in self.planned.iter_mut().enumerate().filter(|(_, p)| concerns(p.operation)) {
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
        let drawn = self.often.iter().filter(|often| concerns(often.operation));
        drawn.filter(|often| prng.chance(often.permille)).map(|often| often.fault.clone()).collect::<Vec<_>>().pop()
    }
}
