//! UUIDs and instants made without a call of Python's. A row may hold several of them, and their constructors, which take
//! numbers apart and check them, cost more than all else that is done for a row.
//!
//! Whatever is found out about the running Python is tried once, on a sample that the slow way has made as well. Where
//! the two differ, or something is not there, the slow way stays.

use std::ffi::{CStr, c_char, c_int, c_void};
use std::ptr::NonNull;

use dbal::value::Uuid;
use pyo3::ffi;
use pyo3::prelude::*;

/// How a 128-bit number is made; `PyLong_FromUnsignedNativeBytes` of newer versions, or what older ones have for it.
#[derive(Clone, Copy)]
enum FromBytes {
    Newer(Newer),
    Older(Older),
}

type Newer = unsafe extern "C" fn(*const c_void, usize, c_int) -> *mut ffi::PyObject;
type Older = unsafe extern "C" fn(*const u8, usize, c_int, c_int) -> *mut ffi::PyObject;

/// Makes UUIDs by filling the places that their class keeps for its two attributes.
pub struct QuickUuid {
    class: Py<PyAny>,
    safety: Py<PyAny>,
    number: FromBytes,
    /// Where `int` and `is_safe` are, in bytes from the beginning of an object.
    places: [usize; 2],
}

impl QuickUuid {
    /// What makes UUIDs like this one, which the class itself has made of `sample`.
    pub fn load(py: Python<'_>, class: &Bound<'_, PyAny>, made: &Bound<'_, PyAny>, sample: Uuid) -> Option<QuickUuid> {
        // SAFETY: it is a class; both sides of the comparison are functions of the interpreter.
        let usual = unsafe { ffi::PyType_GetSlot(class.as_ptr().cast(), ffi::Py_tp_alloc) };
        if usual != ffi::PyType_GenericAlloc as *mut c_void {
            return None;
        }
        let size = class.getattr("__basicsize__").ok()?.extract::<usize>().ok()?;
        let place = |name: &str| {
            let value = made.getattr(name).ok()?;
            let steps = (0..size).step_by(size_of::<usize>());
            // SAFETY: an object of the class has this many bytes, all of them set, and pointers in it are aligned.
            let holds = |at: &usize| unsafe { made.as_ptr().byte_add(*at).cast::<*mut ffi::PyObject>().read() };
            let mut found = steps.filter(|at| holds(at) == value.as_ptr());
            found.next().filter(|_| found.next().is_none())
        };
        let quick = QuickUuid {
            class: class.clone().unbind(),
            safety: made.getattr("is_safe").ok()?.unbind(),
            number: from_bytes()?,
            places: [place("int")?, place("is_safe")?],
        };
        let again = quick.make(py, sample).ok()?;
        let same = again.eq(made).ok()? && again.hash().ok()? == made.hash().ok()?;
        (same && again.str().ok()?.as_any().eq(made.str().ok()?).ok()?).then_some(quick)
    }

    /// A UUID.
    ///
    /// # Errors
    /// When memory is short.
    #[inline]
    pub fn make<'py>(&self, py: Python<'py>, uuid: Uuid) -> PyResult<Bound<'py, PyAny>> {
        let bytes = uuid.as_bytes();
        // SAFETY: both functions read 16 bytes, the most significant first, as a number without a sign.
        let number = unsafe {
            match self.number {
                FromBytes::Newer(make) => make(bytes.as_ptr().cast(), bytes.len(), 0),
                FromBytes::Older(make) => make(bytes.as_ptr(), bytes.len(), 0, 0),
            }
        };
        // SAFETY: they give a new reference, or null with an error set.
        let number = unsafe { Bound::from_owned_ptr_or_err(py, number) }?;
        // SAFETY: it is a class that allocates in this way.
        let made = unsafe { ffi::PyType_GenericAlloc(self.class.as_ptr().cast(), 0) };
        // SAFETY: as above.
        let made = unsafe { Bound::from_owned_ptr_or_err(py, made) }?;
        let values = [number.into_ptr(), self.safety.clone_ref(py).into_ptr()];
        for (place, value) in self.places.iter().zip(values) {
            // SAFETY: the object is new and of this class, whose attributes lie there; they are null so far, and take
            // over a reference each.
            unsafe { made.as_ptr().byte_add(*place).cast::<*mut ffi::PyObject>().write(value) };
        }
        // It refers to a number and a constant: the collector of cycles would look at it in vain, again and again.
        // SAFETY: it is an object of a class that is collected, and it is ours.
        unsafe { ffi::PyObject_GC_UnTrack(made.as_ptr().cast()) };
        Ok(made)
    }
}

/// The beginning of what the module `datetime` offers to C, the same since Python 3.7.
#[repr(C)]
struct DateTimes {
    /// Types, and the UTC of `datetime.timezone`.
    objects: [*mut ffi::PyObject; 6],
    date: *mut c_void,
    datetime: unsafe extern "C" fn(
        c_int,
        c_int,
        c_int,
        c_int,
        c_int,
        c_int,
        c_int,
        *mut ffi::PyObject,
        *mut ffi::PyObject,
    ) -> *mut ffi::PyObject,
}

/// Makes aware datetimes in UTC.
pub struct QuickDatetime(NonNull<DateTimes>);

// SAFETY: it points to what the module never changes, and is used by whoever is attached to the interpreter.
unsafe impl Send for QuickDatetime {}
// SAFETY: as above.
unsafe impl Sync for QuickDatetime {}

impl QuickDatetime {
    /// What makes datetimes like this one: 2001-02-03 04:05:06.789 in UTC.
    pub fn load(py: Python<'_>, made: &Bound<'_, PyAny>) -> Option<QuickDatetime> {
        // SAFETY: the name ends with a NUL; the capsule of this name holds such a table.
        let table = unsafe { ffi::PyCapsule_Import(c"datetime.datetime_CAPI".as_ptr(), 0) };
        let Some(table) = NonNull::new(table.cast::<DateTimes>()) else {
            // Nobody is to find the error that says so.
            drop(PyErr::take(py));
            return None;
        };
        let quick = QuickDatetime(table);
        let again = quick.make(py, [2001, 2, 3, 4, 5, 6, 789_000]).ok()?;
        let same = again.eq(made).ok()? && again.str().ok()?.as_any().eq(made.str().ok()?).ok()?;
        same.then_some(quick)
    }

    /// Of year, month, day, hour, minute, second and microseconds.
    ///
    /// # Errors
    /// When Python does not take them.
    #[inline]
    pub fn make<'py>(&self, py: Python<'py>, parts: [c_int; 7]) -> PyResult<Bound<'py, PyAny>> {
        let [year, month, day, hour, minute, second, micros] = parts;
        // SAFETY: the table lives as long as the interpreter.
        let table = unsafe { self.0.as_ref() };
        let [_, class, .., utc] = table.objects;
        // SAFETY: it takes numbers, a time zone and the class, and gives a new reference, or null with an error set.
        unsafe {
            let made = (table.datetime)(year, month, day, hour, minute, second, micros, utc, class);
            Bound::from_owned_ptr_or_err(py, made)
        }
    }
}

#[cfg(unix)]
fn from_bytes() -> Option<FromBytes> {
    unsafe extern "C" {
        fn dlsym(library: *mut c_void, name: *const c_char) -> *mut c_void;
    }
    let find = |name: &CStr| {
        // SAFETY: null stands for all that is loaded; the name ends with a NUL.
        NonNull::new(unsafe { dlsym(std::ptr::null_mut(), name.as_ptr()) })
    };
    if let Some(found) = find(c"PyLong_FromUnsignedNativeBytes") {
        // SAFETY: the function of this name has this type.
        return Some(FromBytes::Newer(unsafe { std::mem::transmute::<NonNull<c_void>, Newer>(found) }));
    }
    let found = find(c"_PyLong_FromByteArray")?;
    // SAFETY: as above.
    Some(FromBytes::Older(unsafe { std::mem::transmute::<NonNull<c_void>, Older>(found) }))
}

#[cfg(not(unix))]
fn from_bytes() -> Option<FromBytes> {
    None
}
