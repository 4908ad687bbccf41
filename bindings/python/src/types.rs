//! The classes of Python's own that values are made of, looked up once.

use dbal::value::{Date, DateTime, Decimal, Uuid};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyType;

/// The classes.
pub struct Types {
    /// `uuid.UUID`.
    pub uuid: Py<PyAny>,
    /// `datetime.datetime`.
    pub datetime: Py<PyAny>,
    /// `datetime.date`.
    pub date: Py<PyAny>,
    /// `decimal.Decimal`.
    pub decimal: Py<PyAny>,
    /// 1970-01-01 in UTC.
    pub epoch: Py<PyAny>,
    utc: Py<PyAny>,
    quick: Option<QuickUuid>,
}

/// Makes a UUID without running its constructor, which parses and checks: of its three steps two are `__set__`.
struct QuickUuid {
    new: Py<PyAny>,
    set_number: Py<PyAny>,
    set_safety: Py<PyAny>,
    safety: Py<PyAny>,
}

impl Types {
    /// The classes.
    ///
    /// # Errors
    /// When Python's own modules cannot be imported.
    pub fn get(py: Python<'_>) -> PyResult<&Types> {
        static TYPES: PyOnceLock<Types> = PyOnceLock::new();
        TYPES.get_or_try_init(py, || Types::load(py))
    }

    fn load(py: Python<'_>) -> PyResult<Types> {
        let datetime = py.import("datetime")?;
        let utc = datetime.getattr("timezone")?.getattr("utc")?;
        let class = datetime.getattr("datetime")?;
        let epoch = class.call1((1970, 1, 1, 0, 0, 0, 0, &utc))?;
        let uuid = py.import("uuid")?;
        let mut types = Types {
            uuid: uuid.getattr("UUID")?.unbind(),
            datetime: class.unbind(),
            date: datetime.getattr("date")?.unbind(),
            decimal: py.import("decimal")?.getattr("Decimal")?.unbind(),
            epoch: epoch.unbind(),
            utc: utc.unbind(),
            quick: None,
        };
        // A Python whose UUID is made otherwise gets the slow way.
        if let Ok(quick) = QuickUuid::load(py, &uuid) {
            let sample = Uuid::from_u128(0x018f_3c1e_7b1c_7000_8000_0000_0000_0001);
            let slow = types.uuid_of(py, sample)?;
            if quick.make(py, &types.uuid, sample).and_then(|made| made.eq(&slow)).unwrap_or(false) {
                types.quick = Some(quick);
            }
        }
        Ok(types)
    }

    /// A UUID.
    ///
    /// # Errors
    /// What Python raises.
    pub fn uuid_of<'py>(&self, py: Python<'py>, uuid: Uuid) -> PyResult<Bound<'py, PyAny>> {
        match &self.quick {
            Some(quick) => quick.make(py, &self.uuid, uuid),
            None => self.uuid.bind(py).call1((uuid.hyphenated().to_string(),)),
        }
    }

    /// An aware datetime in UTC.
    ///
    /// # Errors
    /// What Python raises.
    pub fn datetime_of<'py>(&self, py: Python<'py>, instant: DateTime) -> PyResult<Bound<'py, PyAny>> {
        const DAY: i64 = 86_400_000;
        let millis = instant.epoch_millis();
        let (year, month, day) = civil(millis.div_euclid(DAY));
        let rest = millis.rem_euclid(DAY);
        let micros = rest % 1000 * 1000;
        let (hour, minute, second) = (rest / 3_600_000, rest / 60_000 % 60, rest / 1000 % 60);
        self.datetime.bind(py).call1((year, month, day, hour, minute, second, micros, &self.utc))
    }

    /// A date.
    ///
    /// # Errors
    /// What Python raises.
    pub fn date_of<'py>(&self, py: Python<'py>, date: Date) -> PyResult<Bound<'py, PyAny>> {
        self.date.bind(py).call1(civil(date.epoch_days().into()))
    }

    /// A Decimal with as many digits after the point as it has here.
    ///
    /// # Errors
    /// What Python raises.
    pub fn decimal_of<'py>(&self, py: Python<'py>, decimal: &Decimal) -> PyResult<Bound<'py, PyAny>> {
        self.decimal.bind(py).call1((decimal.to_string(),))
    }
}

impl QuickUuid {
    fn load(py: Python<'_>, module: &Bound<'_, PyModule>) -> PyResult<QuickUuid> {
        let class = module.getattr("UUID")?;
        let set = |name: &str| PyResult::Ok(class.getattr(name)?.getattr("__set__")?.unbind());
        Ok(QuickUuid {
            new: py.get_type::<PyAny>().getattr("__new__")?.unbind(),
            set_number: set("int")?,
            set_safety: set("is_safe")?,
            safety: module.getattr("SafeUUID")?.getattr("unknown")?.unbind(),
        })
    }

    fn make<'py>(&self, py: Python<'py>, class: &Py<PyAny>, uuid: Uuid) -> PyResult<Bound<'py, PyAny>> {
        let made = self.new.bind(py).call1((class,))?;
        self.set_number.bind(py).call1((&made, uuid.as_u128()))?;
        self.set_safety.bind(py).call1((&made, &self.safety))?;
        Ok(made)
    }
}

/// Whether a class was given.
///
/// # Errors
/// `TypeError`.
pub fn class(given: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
    match given.cast::<PyType>() {
        Ok(class) => Ok(class.clone().into_any().unbind()),
        Err(_) if given.is_callable() => Ok(given.clone().unbind()),
        Err(_) => Err(pyo3::exceptions::PyTypeError::new_err("expected a class to make rows of")),
    }
}

/// Year, month and day of a day since 1970-01-01, by counting eras of 400 years from 0000-03-01.
fn civil(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}
