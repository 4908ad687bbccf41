//! What programs hold: pointers to boxes that begin with a tag.
//!
//! The tag tells a handle of one kind from another and, most of the time, from one that was freed. All but clients are for
//! one thread at a time: a call that changes one marks it, and a second call meanwhile is refused.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::error::{Fault, misuse};

/// The first field of every handle.
#[repr(C)]
pub struct Tag {
    kind: u32,
    busy: AtomicBool,
    /// Part of another handle, which frees it.
    lent: bool,
}

impl Tag {
    /// Of a handle of its own.
    pub fn new<T: Handle>() -> Self {
        Tag { kind: T::KIND, busy: AtomicBool::new(false), lent: false }
    }

    /// Of a part of another handle.
    pub fn lent<T: Handle>() -> Self {
        Tag { lent: true, ..Tag::new::<T>() }
    }
}

/// A kind of handle. Its type MUST be `repr(C)` with a [`Tag`] first.
pub trait Handle: Sized {
    /// A number that no other kind has.
    const KIND: u32;
    /// What it is called in messages.
    const NAME: &'static str;
}

/// Names a type a handle.
macro_rules! handle {
    ($type:ty, $name:literal, $kind:literal) => {
        impl $crate::handle::Handle for $type {
            const KIND: u32 = u32::from_be_bytes(*$kind);
            const NAME: &'static str = $name;
        }
    };
}
pub(crate) use handle;

/// A new handle, in the program's hands.
pub fn give<T: Handle>(handle: T) -> *mut T {
    Box::into_raw(Box::new(handle))
}

/// Reads through a pointer that a program gave.
///
/// # Safety
/// It is null, or points to a handle of any kind that lives as long as the call.
pub unsafe fn shared<'a, T: Handle>(pointer: *const T) -> Result<&'a T, Fault> {
    // SAFETY: as the caller says.
    unsafe { glance(pointer) }.ok_or_else(|| match pointer.is_null() {
        true => misuse(format!("{} is NULL", T::NAME)),
        false => misuse(format!("not a {}: of another kind, or freed", T::NAME)),
    })
}

/// The same for a getter, which has nobody to tell.
///
/// # Safety
/// As [`shared`].
#[inline]
pub unsafe fn glance<'a, T: Handle>(pointer: *const T) -> Option<&'a T> {
    // No message is written for nobody. SAFETY: all handles begin with a tag, whatever their kind.
    if pointer.is_null() || unsafe { (*pointer.cast::<Tag>()).kind } != T::KIND {
        return None;
    }
    // SAFETY: the tag says that it is of this kind.
    Some(unsafe { &*pointer })
}

/// A handle that is changed, for as long as this lives.
pub struct Held<'a, T: Handle>(&'a mut T);

impl<T: Handle> std::ops::Deref for Held<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.0
    }
}

impl<T: Handle> std::ops::DerefMut for Held<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        self.0
    }
}

impl<T: Handle> Drop for Held<'_, T> {
    fn drop(&mut self) {
        let tag: *const T = self.0;
        // SAFETY: it is a handle, which begins with its tag.
        unsafe { (*tag.cast::<Tag>()).busy.store(false, Ordering::Release) }
    }
}

/// Takes a handle to change it.
///
/// # Safety
/// As [`shared`], and it is not freed meanwhile.
pub unsafe fn held<'a, T: Handle>(pointer: *mut T) -> Result<Held<'a, T>, Fault> {
    // SAFETY: as the caller says.
    unsafe { shared(pointer) }?;
    // SAFETY: it is a handle, which begins with its tag.
    let busy = unsafe { &(*pointer.cast::<Tag>()).busy };
    if busy.swap(true, Ordering::Acquire) {
        return Err(misuse(format!("the {} is in use: by another thread, or by the call that called back", T::NAME)));
    }
    // SAFETY: whoever else would change it is refused until the mark is taken away.
    Ok(Held(unsafe { &mut *pointer }))
}

/// Takes a handle back from the program. Nothing comes of null, of another kind, of what is in use, and of a part of
/// another handle.
///
/// # Safety
/// As [`shared`]; the program does not use it afterwards.
pub unsafe fn take<T: Handle>(pointer: *mut T) -> Option<Box<T>> {
    // SAFETY: as the caller says.
    unsafe { glance(pointer) }?;
    // SAFETY: it is a handle, which begins with its tag.
    let tag = unsafe { &mut *pointer.cast::<Tag>() };
    if tag.lent || tag.busy.swap(true, Ordering::Acquire) {
        return None;
    }
    // Whoever uses it once more is likely to find this, as long as the memory is not used for something else.
    // SAFETY: it is a place in a handle that is ours alone by now. Volatile, since nothing here reads it again.
    unsafe { std::ptr::write_volatile(&raw mut tag.kind, 0) };
    // SAFETY: it came from `give`, and its tag says that it was not taken back before.
    Some(unsafe { Box::from_raw(pointer) })
}

/// A place for what a call gives.
pub struct Out<T>(*mut T);

impl<T> Out<T> {
    /// The place that a pointer names.
    ///
    /// # Safety
    /// It is null, or points to where a `T` may be written.
    pub unsafe fn new(pointer: *mut T, name: &str) -> Result<Self, Fault> {
        if pointer.is_null() {
            return Err(misuse(format!("{name} is NULL")));
        }
        Ok(Out(pointer))
    }

    /// Writes it.
    pub fn set(self, value: T) {
        // SAFETY: `new` was told so.
        unsafe { self.0.write(value) }
    }
}
