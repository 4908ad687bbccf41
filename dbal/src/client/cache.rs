//! Plans kept for the next request: by the form of the request, and by the shape of the query.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::{Mutex, RwLock};

use crate::error::Result;
use crate::plan::operation::Plan;
use crate::query::param::{ParamSource, Params};
use crate::value::Value;

/// Most entries of each map. A full map is emptied: plans are cheap to make again, and an attacker who floods the
/// cache with forms costs the others one slow request each.
const CAPACITY: usize = 4_096;

/// Longer forms are not worth keeping.
const MAX_FORM: usize = 16 << 10;

/// What a form leads to.
#[derive(Debug)]
pub(crate) struct Prepared {
    pub plan: Arc<Plan>,
    /// The plan's parameters, with the slots of this form.
    pub params: Params,
}

#[derive(Debug, Default)]
pub(crate) struct Cache {
    // Keyed by the whole form: the map compares all of it, so that a collision of hashes cannot lend out a plan.
    forms: RwLock<HashMap<Box<[u8]>, Arc<Prepared>, foldhash::quality::RandomState>>,
    shapes: Mutex<HashMap<String, Arc<Plan>>>,
}

impl Cache {
    pub fn form(&self, key: &[u8]) -> Option<Arc<Prepared>> {
        self.forms.read().get(key).cloned()
    }

    /// Keeps what a form leads to, unless one of its values has no slot to be taken from next time.
    pub fn remember(&self, key: Vec<u8>, plan: Arc<Plan>, mut params: Params) {
        for source in &mut params.0 {
            if let ParamSource::Argument { slot, value, .. } = source {
                if slot.is_none() {
                    return;
                }
                // The value belonged to one caller's request.
                *value = Value::Null;
            }
        }
        if key.len() > MAX_FORM {
            return;
        }
        let mut forms = self.forms.write();
        if forms.len() >= CAPACITY {
            forms.clear();
        }
        forms.insert(key.into_boxed_slice(), Arc::new(Prepared { plan, params }));
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
