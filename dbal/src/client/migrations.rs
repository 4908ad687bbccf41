//! The migrations of a client's database.

use crate::adapter::Intent;
use crate::client::Client;
use crate::error::Result;
use crate::introspect::Server;
use crate::migrate::apply::{self, Goal};
use crate::migrate::{Model, Options, Plan, Progress, Survey};

/// What can be done about the difference between a database and the client's schema. Made by [`Client::migrations`].
///
/// ```
/// use dbal::{Client, Config, value};
/// use dbal::migrate::Options;
///
/// let folder = tempfile::tempdir().unwrap();
/// let open = |fields: &str| {
///     let schema = format!("entity: Note\nfields:\n  id: {{ type: integer, primary: true, generated: true }}\n{fields}");
///     Client::open(Config::sqlite(folder.path().join("app.db")).schema_text(schema))
/// };
/// let first = open("  text: { type: string, required: true }\n")?;
/// first.migrations()?.apply(&Options::default())?;
/// first.entity("Note")?.create(value!({ "text": "hello" }))?;
///
/// // The next version calls the field otherwise, and has one more.
/// let next = open(
///     "  title: { type: string, required: true, renamed_from: text }\n  stars: { type: integer, required: true, backfill: 3 }\n",
/// )?;
/// let done = next.migrations()?.apply(&Options::default())?.unwrap();
/// assert_eq!(done.changes[0].to_string(), "Note.text becomes Note.title");
/// let note = next.entity("Note")?.read(1)?;
/// assert_eq!((note.get("title").unwrap().as_str(), note.get("stars").unwrap().as_i64()), (Some("hello"), Some(3)));
///
/// // Back again: what the new field holds would be lost, so it has to be named.
/// let refused = next.migrations()?.rollback(&Options::default()).unwrap_err();
/// assert_eq!(refused.fields()[0].field, "Note.stars");
/// next.migrations()?.rollback(&Options { drop: vec!["Note.stars".into()], ..Options::default() })?;
/// assert_eq!(first.entity("Note")?.read(1)?.get("text").unwrap().as_str(), Some("hello"));
/// # Ok::<(), dbal::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Migrations<'c> {
    client: &'c Client,
    target: Model,
}

impl<'c> Migrations<'c> {
    pub(super) fn new(client: &'c Client) -> Result<Self> {
        client.trusted("migrations are for trusted code")?;
        Ok(Migrations { client, target: Model::of(client.schema()) })
    }

    /// What the database holds and what was done to it.
    ///
    /// # Errors
    /// DATABASE_ERROR, also for a history that was changed by hand.
    pub fn survey(&self) -> Result<Survey> {
        let adapter = &self.client.engine.adapter;
        let mut connection = adapter.connect(Intent::Read, self.client.deadline())?;
        apply::survey(&mut *connection, adapter.lowering(), &self.target)
    }

    /// Which server the database is of, and what it takes for the time; none for one that has no server and no library.
    ///
    /// # Errors
    /// Those of the database.
    pub fn server(&self) -> Result<Option<Server>> {
        self.client.server()
    }

    /// What [`Migrations::apply`] would do now, to the letter, and what stands against it. Nothing is changed.
    ///
    /// # Errors
    /// As [`Migrations::survey`].
    pub fn plan(&self, options: &Options) -> Result<Plan> {
        self.planned(Goal::To(&self.target), options)
    }

    /// What [`Migrations::rollback`] would do now.
    ///
    /// # Errors
    /// As [`Migrations::survey`]; VALIDATION_ERROR where there is nothing to take back.
    pub fn plan_rollback(&self, options: &Options) -> Result<Plan> {
        self.planned(Goal::Back(&self.target), options)
    }

    fn planned(&self, goal: Goal<'_>, options: &Options) -> Result<Plan> {
        let adapter = &self.client.engine.adapter;
        let mut connection = adapter.connect(Intent::Read, self.client.deadline())?;
        let survey = apply::survey(&mut *connection, adapter.lowering(), &self.target)?;
        apply::plan(&mut *connection, adapter.lowering(), &survey, goal, options)
    }

    /// Brings the database to the client's schema, and writes down that it did; none where there was nothing to do.
    /// One at a time: another program that migrates meanwhile is waited for. A migration that was interrupted where
    /// there are no transactions for it is finished first.
    ///
    /// # Errors
    /// VALIDATION_ERROR with everything that stands against it, in which case nothing was changed; TIMEOUT where another
    /// migration does not end in time; those of the database.
    pub fn apply(&self, options: &Options) -> Result<Option<Plan>> {
        self.apply_with(options, &mut |_, _, _| {})
    }

    /// The same, and says how far it is before each statement.
    ///
    /// # Errors
    /// As [`Migrations::apply`].
    pub fn apply_with(&self, options: &Options, progress: &mut Progress<'_>) -> Result<Option<Plan>> {
        self.run(Goal::To(&self.target), options, progress)
    }

    /// Takes the last migration back. What it added has to be named in `drop`, for it is lost.
    ///
    /// # Errors
    /// As [`Migrations::apply`]; VALIDATION_ERROR where there is nothing to take back.
    pub fn rollback(&self, options: &Options) -> Result<Option<Plan>> {
        self.rollback_with(options, &mut |_, _, _| {})
    }

    /// The same, and says how far it is before each statement.
    ///
    /// # Errors
    /// As [`Migrations::rollback`].
    pub fn rollback_with(&self, options: &Options, progress: &mut Progress<'_>) -> Result<Option<Plan>> {
        self.run(Goal::Back(&self.target), options, progress)
    }

    fn run(&self, goal: Goal<'_>, options: &Options, progress: &mut Progress<'_>) -> Result<Option<Plan>> {
        apply::run(&*self.client.engine.adapter, self.client.deadline(), goal, options, progress)
    }
}
