//! Plans kept for the next request: by the form of the request, and by the shape of the query.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::{Mutex, RwLock};

use crate::error::Result;
use crate::plan::operation::Plan;
use crate::query::form::Form;
use crate::query::param::{ParamSource, Params};
use crate::value::Value;

/// Most entries of each map. A full map is emptied: plans are cheap to make again, and an attacker who floods the
/// cache with forms costs the others one slow request each.
const CAPACITY: usize = 4_096;

/// Longer forms are not worth keeping.
const MAX_FORM: usize = 16 << 10;

/// Most reads by key that are kept for an entity: callers of so many kinds.
const MAX_LONE: usize = 16;

/// What a form leads to.
#[derive(Debug)]
pub(crate) struct Prepared {
    pub plan: Arc<Plan>,
    /// The plan's parameters, with the slots of this form.
    pub params: Params,
}

#[derive(Debug)]
enum Known {
    Plan(Arc<Prepared>),
    /// The plan depends on these values as well: look again with them spelled into the form.
    Words(Box<[u16]>),
}

/// A read by key: the caller's shape, the kind of the key, and what they lead to.
type Lone = (u32, u8, Arc<Prepared>);

#[derive(Debug, Default)]
pub(crate) struct Cache {
    // Keyed by the whole form: the map compares all of it, so that a collision of hashes cannot lend out a plan.
    forms: RwLock<HashMap<Box<[u8]>, Known, foldhash::quality::RandomState>>,
    shapes: Mutex<HashMap<String, Arc<Plan>>>,
    /// Reads by key, by entity. Nothing else is in their form.
    lone: RwLock<HashMap<Box<str>, Vec<Lone>, foldhash::quality::RandomState>>,
}

impl Cache {
    /// What is kept for a form.
    pub fn form(&self, form: &mut Form<'_>) -> Option<Arc<Prepared>> {
        let forms = self.forms.read();
        let slots = match forms.get(form.key.as_slice())? {
            Known::Plan(prepared) => return Some(prepared.clone()),
            Known::Words(slots) => slots,
        };
        let plain = form.key.len();
        form.spell(slots);
        match forms.get(form.key.as_slice()) {
            Some(Known::Plan(prepared)) => Some(prepared.clone()),
            _ => {
                // Kept later under the form as it was, and with these words beside it.
                form.key.truncate(plain);
                None
            }
        }
    }

    /// What is kept for a read by key.
    pub fn lone(&self, entity: &str, shape: u32, kind: u8) -> Option<Arc<Prepared>> {
        let lone = self.lone.read();
        let (.., prepared) = lone.get(entity)?.iter().find(|known| (known.0, known.1) == (shape, kind))?;
        Some(prepared.clone())
    }

    /// Keeps what a read by key leads to.
    pub fn remember_lone(&self, entity: &str, shape: u32, kind: u8, prepared: Arc<Prepared>) {
        let mut lone = self.lone.write();
        if lone.len() >= CAPACITY {
            lone.clear();
        }
        let known = lone.entry(entity.into()).or_default();
        if known.len() >= MAX_LONE {
            known.clear();
        }
        known.push((shape, kind, prepared));
    }

    /// Keeps what a form leads to, unless one of its values has no slot to be taken from next time. `words` are the
    /// slots of those that the plan has in its text.
    pub fn remember(&self, mut form: Form<'_>, words: &[u16], plan: Arc<Plan>, mut params: Params) {
        for source in &mut params.0 {
            if let ParamSource::Argument { slot, value, .. } = source {
                if slot.is_none() {
                    return;
                }
                // The value belonged to one caller's request.
                *value = Value::Null;
            }
        }
        if form.too_deep || form.key.len() > MAX_FORM {
            return;
        }
        let mut forms = self.forms.write();
        if forms.len() >= CAPACITY {
            forms.clear();
        }
        if !words.is_empty() {
            forms.insert(form.key.as_slice().into(), Known::Words(words.into()));
            form.spell(words);
        }
        forms.insert(form.key.as_slice().into(), Known::Plan(Arc::new(Prepared { plan, params })));
    }

    /// The plan of a shape, made if it is new.
    pub fn plan(&self, key: String, make: impl FnOnce() -> Result<Plan>) -> Result<Arc<Plan>> {
        if let Some(plan) = self.shapes.lock().get(&key) {
            return Ok(plan.clone());
        }
        let mut plan = make()?;
        for source in &mut plan.params.0 {
            if let ParamSource::Argument { value, .. } = source {
                *value = Value::Null;
            }
        }
        let plan = Arc::new(plan);
        let mut shapes = self.shapes.lock();
        if shapes.len() >= CAPACITY {
            shapes.clear();
        }
        shapes.insert(key, plan.clone());
        Ok(plan)
    }
}
