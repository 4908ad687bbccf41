//! The classes of Python's own that values are made of, looked up once.

use dbal::value::{Date, DateTime, Decimal, Uuid};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyType;

use crate::quick::{QuickDatetime, QuickUuid};

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
    uuids: Option<QuickUuid>,
    datetimes: Option<QuickDatetime>,
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
            uuids: None,
            datetimes: None,
        };
        let sample = Uuid::from_u128(0xf18f_3c1e_7b1c_7000_8000_0000_0000_0001);
        let made = types.uuid_of(py, sample)?;
        types.uuids = QuickUuid::load(py, types.uuid.bind(py), &made, sample);
        let made = types.datetime.bind(py).call1((2001, 2, 3, 4, 5, 6, 789_000, &types.utc))?;
        types.datetimes = QuickDatetime::load(py, &made);
        Ok(types)
    }

    /// A UUID.
    ///
    /// # Errors
    /// What Python raises.
    pub fn uuid_of<'py>(&self, py: Python<'py>, uuid: Uuid) -> PyResult<Bound<'py, PyAny>> {
        match &self.uuids {
            Some(quick) => quick.make(py, uuid),
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
        match &self.datetimes {
            // All of them are small.
            Some(quick) => quick.make(py, [year, month, day, hour, minute, second, micros].map(|part| part as i32)),
            None => self.datetime.bind(py).call1((year, month, day, hour, minute, second, micros, &self.utc)),
        }
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
