//! Texts that end with NUL, as C has them.

use std::ffi::{CStr, c_char};

use crate::error::{Fault, misuse};

/// The length that means: up to the NUL.
pub const TO_NUL: usize = usize::MAX;

/// A text with a NUL behind it.
#[derive(Clone, Debug, Default)]
pub struct Text(Vec<u8>);

impl Text {
    /// A copy.
    pub fn new(text: &str) -> Self {
        let mut bytes = Vec::with_capacity(text.len() + 1);
        bytes.extend_from_slice(text.as_bytes());
        bytes.push(0);
        Text(bytes)
    }

    /// Where it is. Whatever stands behind a NUL inside it is not seen by those who do not ask for the length.
    pub fn pointer(&self) -> *const c_char {
        match self.0.is_empty() {
            true => c"".as_ptr(),
            false => self.0.as_ptr().cast(),
        }
    }

    /// How long it is, in bytes.
    pub fn len(&self) -> usize {
        self.0.len().saturating_sub(1)
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0[..self.len()]).expect("it was made of text")
    }
}

/// A text that a program gives: up to the NUL.
///
/// # Safety
/// It is null or points to bytes up to a NUL, which stay as they are as long as the result is used.
pub unsafe fn given<'a>(pointer: *const c_char, name: &str) -> Result<&'a str, Fault> {
    // SAFETY: as the caller says.
    unsafe { given_of(pointer, TO_NUL, name) }
}

/// The same with a length, of which [`TO_NUL`] means up to the NUL.
///
/// # Safety
/// As [`given`], or it points to as many bytes.
pub unsafe fn given_of<'a>(pointer: *const c_char, length: usize, name: &str) -> Result<&'a str, Fault> {
    // SAFETY: as the caller says.
    let bytes = unsafe { bytes_of(pointer, length, name) }?;
    match std::str::from_utf8(bytes) {
        Ok(text) => Ok(text),
        Err(error) => Err(misuse(format!("{name} is not UTF-8: byte {}", error.valid_up_to()))),
    }
}

/// Bytes that a program gives.
///
/// # Safety
/// As [`given_of`].
pub unsafe fn bytes_of<'a>(pointer: *const c_char, length: usize, name: &str) -> Result<&'a [u8], Fault> {
    if pointer.is_null() {
        return if length == 0 { Ok(&[]) } else { Err(misuse(format!("{name} is NULL"))) };
    }
    if length == TO_NUL {
        // SAFETY: there is a NUL, as the caller says.
        return Ok(unsafe { CStr::from_ptr(pointer) }.to_bytes());
    }
    if isize::try_from(length).is_err() {
        return Err(misuse(format!("the length of {name} is not that of anything in memory")));
    }
    // SAFETY: there are as many bytes, as the caller says, and no more than fit into memory.
    Ok(unsafe { std::slice::from_raw_parts(pointer.cast(), length) })
}

/// Writes a length where the program wants one.
///
/// # Safety
/// The place is null, or a length may be written there.
pub unsafe fn tell(place: *mut usize, length: usize) {
    if !place.is_null() {
        // SAFETY: as the caller says.
        unsafe { place.write(length) }
    }
}
