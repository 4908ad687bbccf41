// Written by `dbal generate rust`; a change of the schema is made there, and this file written anew.

#![allow(clippy::all, dead_code, missing_docs, non_camel_case_types, non_snake_case, non_upper_case_globals, deprecated)]

use dbal::client::model::{Column, Link, Model};
use serde::{Deserialize, Serialize};

/// One component on a page, with its place in the page's tree.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct ComponentHierarchy {
    /// Made by the engine.
    pub id: ::dbal::Uuid,
    /// The page it stands on. Deleting the page removes its whole tree.
    pub page_id: ::dbal::Uuid,
    /// The component it stands in; null at the top. Deleting a component removes all that stands in it.
    pub parent_id: ::std::option::Option<::dbal::Uuid>,
    /// Which component is drawn, by the name its renderer knows.
    pub component_type: ::std::string::String,
    /// Place among the components with the same parent, smallest first.
    pub order: i32,
    /// What the component is drawn with.
    pub props: ::dbal::Value,
    /// When the component was added.
    pub created_at: ::dbal::DateTime,
    /// When the component was last changed or moved.
    pub updated_at: ::dbal::DateTime,
    /// Related rows, where asked for.
    #[serde(default)]
    pub children: ::std::option::Option<::std::vec::Vec<ComponentHierarchy>>,
    /// The related row, where asked for.
    #[serde(default)]
    pub page: ::std::option::Option<::std::boxed::Box<PageView>>,
    /// The related row, where asked for.
    #[serde(default)]
    pub parent: ::std::option::Option<::std::boxed::Box<ComponentHierarchy>>,
}

/// What makes a [`ComponentHierarchy`]. What is left out is filled by its default, or null.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ComponentHierarchyCreate {
    #[serde(skip_serializing_if = "::std::option::Option::is_none")]
    pub id: ::std::option::Option<::dbal::Uuid>,
    pub page_id: ::dbal::Uuid,
    #[serde(skip_serializing_if = "::std::option::Option::is_none")]
    pub parent_id: ::std::option::Option<::dbal::Uuid>,
    pub component_type: ::std::string::String,
    #[serde(skip_serializing_if = "::std::option::Option::is_none")]
    pub order: ::std::option::Option<i32>,
    #[serde(skip_serializing_if = "::std::option::Option::is_none")]
    pub props: ::std::option::Option<::dbal::Value>,
    #[serde(skip_serializing_if = "::std::option::Option::is_none")]
    pub created_at: ::std::option::Option<::dbal::DateTime>,
    #[serde(skip_serializing_if = "::std::option::Option::is_none")]
    pub updated_at: ::std::option::Option<::dbal::DateTime>,
}

impl ComponentHierarchyCreate {
    /// With what must be given.
    pub fn new(page_id: impl ::std::convert::Into<::dbal::Uuid>, component_type: impl ::std::convert::Into<::std::string::String>) -> Self {
        ComponentHierarchyCreate {
            id: ::std::option::Option::None,
            page_id: page_id.into(),
            parent_id: ::std::option::Option::None,
            component_type: component_type.into(),
            order: ::std::option::Option::None,
            props: ::std::option::Option::None,
            created_at: ::std::option::Option::None,
            updated_at: ::std::option::Option::None,
        }
    }
}

/// What changes a [`ComponentHierarchy`]. What is `None` stays; `Some(None)` sets null.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct ComponentHierarchyUpdate {
    #[serde(skip_serializing_if = "::std::option::Option::is_none")]
    pub page_id: ::std::option::Option<::dbal::Uuid>,
    #[serde(skip_serializing_if = "::std::option::Option::is_none")]
    pub parent_id: ::std::option::Option<::std::option::Option<::dbal::Uuid>>,
    #[serde(skip_serializing_if = "::std::option::Option::is_none")]
    pub component_type: ::std::option::Option<::std::string::String>,
    #[serde(skip_serializing_if = "::std::option::Option::is_none")]
    pub order: ::std::option::Option<i32>,
    #[serde(skip_serializing_if = "::std::option::Option::is_none")]
    pub props: ::std::option::Option<::dbal::Value>,
}

impl Model for ComponentHierarchy {
    const NAME: &'static str = "ComponentHierarchy";
    type Create = ComponentHierarchyCreate;
    type Update = ComponentHierarchyUpdate;
}

impl ComponentHierarchy {
    pub const ID: Column<ComponentHierarchy, ::dbal::Uuid> = Column::new("id");
    pub const PAGE_ID: Column<ComponentHierarchy, ::dbal::Uuid> = Column::new("page_id");
    pub const PARENT_ID: Column<ComponentHierarchy, ::dbal::Uuid> = Column::new("parent_id");
    pub const COMPONENT_TYPE: Column<ComponentHierarchy, ::std::string::String> = Column::new("component_type");
    pub const ORDER: Column<ComponentHierarchy, i32> = Column::new("order");
    pub const PROPS: Column<ComponentHierarchy, ::dbal::Value> = Column::new("props");
    pub const CREATED_AT: Column<ComponentHierarchy, ::dbal::DateTime> = Column::new("created_at");
    pub const UPDATED_AT: Column<ComponentHierarchy, ::dbal::DateTime> = Column::new("updated_at");
    pub const CHILDREN: Link<ComponentHierarchy> = Link::new("children");
    pub const PAGE: Link<ComponentHierarchy> = Link::new("page");
    pub const PARENT: Link<ComponentHierarchy> = Link::new("parent");
}

/// The password of a user, as a hash. Only trusted code reaches it, and every attempt is audited.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Credential {
    /// Made by the engine.
    pub id: ::dbal::Uuid,
    /// Whose password this is. Follows the user through renames, and goes when the user goes.
    pub username: ::std::string::String,
    /// Whether the user has yet to replace the password that was handed out.
    pub first_login: bool,
    /// When the first password was set.
    pub created_at: ::dbal::DateTime,
    /// When the password or the flag last changed.
    pub updated_at: ::dbal::DateTime,
    /// The related row, where asked for.
    #[serde(default)]
    pub user: ::std::option::Option<::std::boxed::Box<User>>,
}

/// What makes a [`Credential`]. What is left out is filled by its default, or null.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CredentialCreate {
    #[serde(skip_serializing_if = "::std::option::Option::is_none")]
    pub id: ::std::option::Option<::dbal::Uuid>,
    pub username: ::std::string::String,
    pub password_hash: ::std::string::String,
    #[serde(skip_serializing_if = "::std::option::Option::is_none")]
    pub first_login: ::std::option::Option<bool>,
    #[serde(skip_serializing_if = "::std::option::Option::is_none")]
    pub created_at: ::std::option::Option<::dbal::DateTime>,
    #[serde(skip_serializing_if = "::std::option::Option::is_none")]
    pub updated_at: ::std::option::Option<::dbal::DateTime>,
}

impl CredentialCreate {
    /// With what must be given.
    pub fn new(username: impl ::std::convert::Into<::std::string::String>, password_hash: impl ::std::convert::Into<::std::string::String>) -> Self {
        CredentialCreate {
            id: ::std::option::Option::None,
            username: username.into(),
            password_hash: password_hash.into(),
            first_login: ::std::option::Option::None,
            created_at: ::std::option::Option::None,
            updated_at: ::std::option::Option::None,
        }
    }
}

/// What changes a [`Credential`]. What is `None` stays; `Some(None)` sets null.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct CredentialUpdate {
    #[serde(skip_serializing_if = "::std::option::Option::is_none")]
    pub username: ::std::option::Option<::std::string::String>,
    #[serde(skip_serializing_if = "::std::option::Option::is_none")]
    pub password_hash: ::std::option::Option<::std::string::String>,
    #[serde(skip_serializing_if = "::std::option::Option::is_none")]
    pub first_login: ::std::option::Option<bool>,
}

impl Model for Credential {
    const NAME: &'static str = "Credential";
    type Create = CredentialCreate;
    type Update = CredentialUpdate;
}

impl Credential {
    pub const ID: Column<Credential, ::dbal::Uuid> = Column::new("id");
    pub const USERNAME: Column<Credential, ::std::string::String> = Column::new("username");
    pub const FIRST_LOGIN: Column<Credential, bool> = Column::new("first_login");
    pub const CREATED_AT: Column<Credential, ::dbal::DateTime> = Column::new("created_at");
    pub const UPDATED_AT: Column<Credential, ::dbal::DateTime> = Column::new("updated_at");
    pub const USER: Link<Credential> = Link::new("user");
}

/// A Lua script with what its sandbox lets it use.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct LuaScript {
    /// Made by the engine.
    pub id: ::dbal::Uuid,
    /// What workflows call it.
    pub name: ::std::string::String,
    /// What it does.
    pub description: ::std::option::Option<::std::string::String>,
    /// The source. Refused when it matches a pattern of security.yaml.
    pub code: ::std::string::String,
    /// Whether it runs with only the globals listed below.
    pub is_sandboxed: bool,
    /// Names of the globals that the sandbox offers it.
    pub allowed_globals: ::dbal::Value,
    /// How long it may run, in milliseconds.
    pub timeout_ms: i32,
    /// Who wrote it. A user who wrote scripts cannot be deleted before they are handed over.
    pub created_by: ::dbal::Uuid,
    /// When it was made.
    pub created_at: ::dbal::DateTime,
    /// When it was last changed.
    pub updated_at: ::dbal::DateTime,
    /// The related row, where asked for.
    #[serde(default)]
    pub creator: ::std::option::Option<::std::boxed::Box<User>>,
}

/// What makes a [`LuaScript`]. What is left out is filled by its default, or null.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LuaScriptCreate {
    #[serde(skip_serializing_if = "::std::option::Option::is_none")]
    pub id: ::std::option::Option<::dbal::Uuid>,
    pub name: ::std::string::String,
    #[serde(skip_serializing_if = "::std::option::Option::is_none")]
    pub description: ::std::option::Option<::std::string::String>,
    pub code: ::std::string::String,
    #[serde(skip_serializing_if = "::std::option::Option::is_none")]
    pub is_sandboxed: ::std::option::Option<bool>,
    #[serde(skip_serializing_if = "::std::option::Option::is_none")]
    pub allowed_globals: ::std::option::Option<::dbal::Value>,
    #[serde(skip_serializing_if = "::std::option::Option::is_none")]
    pub timeout_ms: ::std::option::Option<i32>,
    pub created_by: ::dbal::Uuid,
    #[serde(skip_serializing_if = "::std::option::Option::is_none")]
    pub created_at: ::std::option::Option<::dbal::DateTime>,
    #[serde(skip_serializing_if = "::std::option::Option::is_none")]
    pub updated_at: ::std::option::Option<::dbal::DateTime>,
}

impl LuaScriptCreate {
    /// With what must be given.
    pub fn new(name: impl ::std::convert::Into<::std::string::String>, code: impl ::std::convert::Into<::std::string::String>, created_by: impl ::std::convert::Into<::dbal::Uuid>) -> Self {
        LuaScriptCreate {
            id: ::std::option::Option::None,
            name: name.into(),
            description: ::std::option::Option::None,
            code: code.into(),
            is_sandboxed: ::std::option::Option::None,
            allowed_globals: ::std::option::Option::None,
            timeout_ms: ::std::option::Option::None,
            created_by: created_by.into(),
            created_at: ::std::option::Option::None,
            updated_at: ::std::option::Option::None,
        }
    }
}

/// What changes a [`LuaScript`]. What is `None` stays; `Some(None)` sets null.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct LuaScriptUpdate {
    #[serde(skip_serializing_if = "::std::option::Option::is_none")]
    pub name: ::std::option::Option<::std::string::String>,
    #[serde(skip_serializing_if = "::std::option::Option::is_none")]
    pub description: ::std::option::Option<::std::option::Option<::std::string::String>>,
    #[serde(skip_serializing_if = "::std::option::Option::is_none")]
    pub code: ::std::option::Option<::std::string::String>,
    #[serde(skip_serializing_if = "::std::option::Option::is_none")]
    pub is_sandboxed: ::std::option::Option<bool>,
    #[serde(skip_serializing_if = "::std::option::Option::is_none")]
    pub allowed_globals: ::std::option::Option<::dbal::Value>,
    #[serde(skip_serializing_if = "::std::option::Option::is_none")]
    pub timeout_ms: ::std::option::Option<i32>,
    #[serde(skip_serializing_if = "::std::option::Option::is_none")]
    pub created_by: ::std::option::Option<::dbal::Uuid>,
}

impl Model for LuaScript {
    const NAME: &'static str = "LuaScript";
    type Create = LuaScriptCreate;
    type Update = LuaScriptUpdate;
}

impl LuaScript {
    pub const ID: Column<LuaScript, ::dbal::Uuid> = Column::new("id");
    pub const NAME: Column<LuaScript, ::std::string::String> = Column::new("name");
    pub const DESCRIPTION: Column<LuaScript, ::std::string::String> = Column::new("description");
    pub const CODE: Column<LuaScript, ::std::string::String> = Column::new("code");
    pub const IS_SANDBOXED: Column<LuaScript, bool> = Column::new("is_sandboxed");
    pub const ALLOWED_GLOBALS: Column<LuaScript, ::dbal::Value> = Column::new("allowed_globals");
    pub const TIMEOUT_MS: Column<LuaScript, i32> = Column::new("timeout_ms");
    pub const CREATED_BY: Column<LuaScript, ::dbal::Uuid> = Column::new("created_by");
    pub const CREATED_AT: Column<LuaScript, ::dbal::DateTime> = Column::new("created_at");
    pub const UPDATED_AT: Column<LuaScript, ::dbal::DateTime> = Column::new("updated_at");
    pub const CREATOR: Link<LuaScript> = Link::new("creator");
}

/// One version of a package, and whether it is installed.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Package {
    /// Made by the engine.
    pub id: ::dbal::Uuid,
    /// The package's name; unique together with the version.
    pub name: ::std::string::String,
    /// A semantic version, such as 1.4.0 or 2.0.0-beta.1.
    pub version: ::std::string::String,
    /// What the package brings.
    pub description: ::std::option::Option<::std::string::String>,
    /// Who published it.
    pub author: ::std::string::String,
    /// What the package contains and needs.
    pub manifest: ::dbal::Value,
    /// Whether the application uses it now.
    pub is_installed: bool,
    /// When it was installed; null while it is not.
    pub installed_at: ::std::option::Option<::dbal::DateTime>,
    /// Who installed it; null while it is not.
    pub installed_by: ::std::option::Option<::dbal::Uuid>,
    /// When it became known.
    pub created_at: ::dbal::DateTime,
    /// When the row last changed.
    pub updated_at: ::dbal::DateTime,
    /// The related row, where asked for.
    #[serde(default)]
    pub installer: ::std::option::Option<::std::boxed::Box<User>>,
}

/// What makes a [`Package`]. What is left out is filled by its default, or null.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PackageCreate {
    #[serde(skip_serializing_if = "::std::option::Option::is_none")]
    pub id: ::std::option::Option<::dbal::Uuid>,
    pub name: ::std::string::String,
    pub version: ::std::string::String,
    #[serde(skip_serializing_if = "::std::option::Option::is_none")]
    pub description: ::std::option::Option<::std::string::String>,
    pub author: ::std::string::String,
    pub manifest: ::dbal::Value,
    #[serde(skip_serializing_if = "::std::option::Option::is_none")]
    pub is_installed: ::std::option::Option<bool>,
    #[serde(skip_serializing_if = "::std::option::Option::is_none")]
    pub installed_at: ::std::option::Option<::dbal::DateTime>,
    #[serde(skip_serializing_if = "::std::option::Option::is_none")]
    pub installed_by: ::std::option::Option<::dbal::Uuid>,
    #[serde(skip_serializing_if = "::std::option::Option::is_none")]
    pub created_at: ::std::option::Option<::dbal::DateTime>,
    #[serde(skip_serializing_if = "::std::option::Option::is_none")]
    pub updated_at: ::std::option::Option<::dbal::DateTime>,
}

impl PackageCreate {
    /// With what must be given.
    pub fn new(name: impl ::std::convert::Into<::std::string::String>, version: impl ::std::convert::Into<::std::string::String>, author: impl ::std::convert::Into<::std::string::String>, manifest: impl ::std::convert::Into<::dbal::Value>) -> Self {
        PackageCreate {
            id: ::std::option::Option::None,
            name: name.into(),
            version: version.into(),
            description: ::std::option::Option::None,
            author: author.into(),
            manifest: manifest.into(),
            is_installed: ::std::option::Option::None,
            installed_at: ::std::option::Option::None,
            installed_by: ::std::option::Option::None,
            created_at: ::std::option::Option::None,
            updated_at: ::std::option::Option::None,
        }
    }
}

/// What changes a [`Package`]. What is `None` stays; `Some(None)` sets null.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct PackageUpdate {
    #[serde(skip_serializing_if = "::std::option::Option::is_none")]
    pub name: ::std::option::Option<::std::string::String>,
    #[serde(skip_serializing_if = "::std::option::Option::is_none")]
    pub version: ::std::option::Option<::std::string::String>,
    #[serde(skip_serializing_if = "::std::option::Option::is_none")]
    pub description: ::std::option::Option<::std::option::Option<::std::string::String>>,
    #[serde(skip_serializing_if = "::std::option::Option::is_none")]
    pub author: ::std::option::Option<::std::string::String>,
    #[serde(skip_serializing_if = "::std::option::Option::is_none")]
    pub manifest: ::std::option::Option<::dbal::Value>,
    #[serde(skip_serializing_if = "::std::option::Option::is_none")]
    pub is_installed: ::std::option::Option<bool>,
    #[serde(skip_serializing_if = "::std::option::Option::is_none")]
    pub installed_at: ::std::option::Option<::std::option::Option<::dbal::DateTime>>,
    #[serde(skip_serializing_if = "::std::option::Option::is_none")]
    pub installed_by: ::std::option::Option<::std::option::Option<::dbal::Uuid>>,
}

impl Model for Package {
    const NAME: &'static str = "Package";
    type Create = PackageCreate;
    type Update = PackageUpdate;
}

impl Package {
    pub const ID: Column<Package, ::dbal::Uuid> = Column::new("id");
    pub const NAME: Column<Package, ::std::string::String> = Column::new("name");
    pub const VERSION: Column<Package, ::std::string::String> = Column::new("version");
    pub const DESCRIPTION: Column<Package, ::std::string::String> = Column::new("description");
    pub const AUTHOR: Column<Package, ::std::string::String> = Column::new("author");
    pub const MANIFEST: Column<Package, ::dbal::Value> = Column::new("manifest");
    pub const IS_INSTALLED: Column<Package, bool> = Column::new("is_installed");
    pub const INSTALLED_AT: Column<Package, ::dbal::DateTime> = Column::new("installed_at");
    pub const INSTALLED_BY: Column<Package, ::dbal::Uuid> = Column::new("installed_by");
    pub const CREATED_AT: Column<Package, ::dbal::DateTime> = Column::new("created_at");
    pub const UPDATED_AT: Column<Package, ::dbal::DateTime> = Column::new("updated_at");
    pub const INSTALLER: Link<Package> = Link::new("installer");
}

/// A page with its address, its layout, and the level a visitor needs.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct PageView {
    /// Made by the engine.
    pub id: ::dbal::Uuid,
    /// The address below the application's root. Lower-case letters, digits, hyphens and slashes.
    pub slug: ::std::string::String,
    /// The heading people see.
    pub title: ::std::string::String,
    /// What the page is for.
    pub description: ::std::option::Option<::std::string::String>,
    /// The least level a visitor should have. Shown to everybody; a rules file may filter by it.
    pub level: i32,
    /// How the page is arranged, in the shape its renderer understands.
    pub layout: ::dbal::Value,
    /// Whether the page is in use.
    pub is_active: bool,
    /// When the page was made.
    pub created_at: ::dbal::DateTime,
    /// When the page was last changed.
    pub updated_at: ::dbal::DateTime,
    /// Related rows, where asked for.
    #[serde(default)]
    pub components: ::std::option::Option<::std::vec::Vec<ComponentHierarchy>>,
}

/// What makes a [`PageView`]. What is left out is filled by its default, or null.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PageViewCreate {
    #[serde(skip_serializing_if = "::std::option::Option::is_none")]
    pub id: ::std::option::Option<::dbal::Uuid>,
    pub slug: ::std::string::String,
    pub title: ::std::string::String,
    #[serde(skip_serializing_if = "::std::option::Option::is_none")]
    pub description: ::std::option::Option<::std::string::String>,
    pub level: i32,
    pub layout: ::dbal::Value,
    #[serde(skip_serializing_if = "::std::option::Option::is_none")]
    pub is_active: ::std::option::Option<bool>,
    #[serde(skip_serializing_if = "::std::option::Option::is_none")]
    pub created_at: ::std::option::Option<::dbal::DateTime>,
    #[serde(skip_serializing_if = "::std::option::Option::is_none")]
    pub updated_at: ::std::option::Option<::dbal::DateTime>,
}

impl PageViewCreate {
    /// With what must be given.
    pub fn new(slug: impl ::std::convert::Into<::std::string::String>, title: impl ::std::convert::Into<::std::string::String>, level: impl ::std::convert::Into<i32>, layout: impl ::std::convert::Into<::dbal::Value>) -> Self {
        PageViewCreate {
            id: ::std::option::Option::None,
            slug: slug.into(),
            title: title.into(),
            description: ::std::option::Option::None,
            level: level.into(),
            layout: layout.into(),
            is_active: ::std::option::Option::None,
            created_at: ::std::option::Option::None,
            updated_at: ::std::option::Option::None,
        }
    }
}

/// What changes a [`PageView`]. What is `None` stays; `Some(None)` sets null.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct PageViewUpdate {
    #[serde(skip_serializing_if = "::std::option::Option::is_none")]
    pub slug: ::std::option::Option<::std::string::String>,
    #[serde(skip_serializing_if = "::std::option::Option::is_none")]
    pub title: ::std::option::Option<::std::string::String>,
    #[serde(skip_serializing_if = "::std::option::Option::is_none")]
    pub description: ::std::option::Option<::std::option::Option<::std::string::String>>,
    #[serde(skip_serializing_if = "::std::option::Option::is_none")]
    pub level: ::std::option::Option<i32>,
    #[serde(skip_serializing_if = "::std::option::Option::is_none")]
    pub layout: ::std::option::Option<::dbal::Value>,
    #[serde(skip_serializing_if = "::std::option::Option::is_none")]
    pub is_active: ::std::option::Option<bool>,
}

impl Model for PageView {
    const NAME: &'static str = "PageView";
    type Create = PageViewCreate;
    type Update = PageViewUpdate;
}

impl PageView {
    pub const ID: Column<PageView, ::dbal::Uuid> = Column::new("id");
    pub const SLUG: Column<PageView, ::std::string::String> = Column::new("slug");
    pub const TITLE: Column<PageView, ::std::string::String> = Column::new("title");
    pub const DESCRIPTION: Column<PageView, ::std::string::String> = Column::new("description");
    pub const LEVEL: Column<PageView, i32> = Column::new("level");
    pub const LAYOUT: Column<PageView, ::dbal::Value> = Column::new("layout");
    pub const IS_ACTIVE: Column<PageView, bool> = Column::new("is_active");
    pub const CREATED_AT: Column<PageView, ::dbal::DateTime> = Column::new("created_at");
    pub const UPDATED_AT: Column<PageView, ::dbal::DateTime> = Column::new("updated_at");
    pub const COMPONENTS: Link<PageView> = Link::new("components");
}

/// One sign-in of one user, valid until it expires.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Session {
    /// Made by the engine.
    pub id: ::dbal::Uuid,
    /// Who is signed in. Deleting the user signs them out.
    pub user_id: ::dbal::Uuid,
    /// From this instant on the session does not exist any more.
    pub expires_at: ::dbal::DateTime,
    /// When the session was last used.
    pub last_activity: ::dbal::DateTime,
    /// When the user signed in.
    pub created_at: ::dbal::DateTime,
    /// When the row last changed.
    pub updated_at: ::dbal::DateTime,
    /// Shown once, by the create that made it.
    #[serde(default)]
    pub token: ::std::option::Option<::std::string::String>,
    /// The related row, where asked for.
    #[serde(default)]
    pub user: ::std::option::Option<::std::boxed::Box<User>>,
}

/// What makes a [`Session`]. What is left out is filled by its default, or null.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SessionCreate {
    #[serde(skip_serializing_if = "::std::option::Option::is_none")]
    pub id: ::std::option::Option<::dbal::Uuid>,
    pub user_id: ::dbal::Uuid,
    #[serde(skip_serializing_if = "::std::option::Option::is_none")]
    pub token: ::std::option::Option<::std::string::String>,
    pub expires_at: ::dbal::DateTime,
    #[serde(skip_serializing_if = "::std::option::Option::is_none")]
    pub last_activity: ::std::option::Option<::dbal::DateTime>,
    #[serde(skip_serializing_if = "::std::option::Option::is_none")]
    pub created_at: ::std::option::Option<::dbal::DateTime>,
    #[serde(skip_serializing_if = "::std::option::Option::is_none")]
    pub updated_at: ::std::option::Option<::dbal::DateTime>,
}

impl SessionCreate {
    /// With what must be given.
    pub fn new(user_id: impl ::std::convert::Into<::dbal::Uuid>, expires_at: impl ::std::convert::Into<::dbal::DateTime>) -> Self {
        SessionCreate {
            id: ::std::option::Option::None,
            user_id: user_id.into(),
            token: ::std::option::Option::None,
            expires_at: expires_at.into(),
            last_activity: ::std::option::Option::None,
            created_at: ::std::option::Option::None,
            updated_at: ::std::option::Option::None,
        }
    }
}

/// What changes a [`Session`]. What is `None` stays; `Some(None)` sets null.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct SessionUpdate {
    #[serde(skip_serializing_if = "::std::option::Option::is_none")]
    pub user_id: ::std::option::Option<::dbal::Uuid>,
    #[serde(skip_serializing_if = "::std::option::Option::is_none")]
    pub expires_at: ::std::option::Option<::dbal::DateTime>,
}

impl Model for Session {
    const NAME: &'static str = "Session";
    type Create = SessionCreate;
    type Update = SessionUpdate;
}

impl Session {
    pub const ID: Column<Session, ::dbal::Uuid> = Column::new("id");
    pub const USER_ID: Column<Session, ::dbal::Uuid> = Column::new("user_id");
    pub const EXPIRES_AT: Column<Session, ::dbal::DateTime> = Column::new("expires_at");
    pub const LAST_ACTIVITY: Column<Session, ::dbal::DateTime> = Column::new("last_activity");
    pub const CREATED_AT: Column<Session, ::dbal::DateTime> = Column::new("created_at");
    pub const UPDATED_AT: Column<Session, ::dbal::DateTime> = Column::new("updated_at");
    pub const USER: Link<Session> = Link::new("user");
}

/// The words of `role` of User, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum UserRole {
    #[serde(rename = "user")]
    User,
    #[serde(rename = "admin")]
    Admin,
    #[serde(rename = "god")]
    God,
    #[serde(rename = "supergod")]
    Supergod,
}

/// A person or program with an account, a role and a level.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct User {
    /// Made by the engine (version 7, so ids follow creation); trusted code may bring its own.
    pub id: ::dbal::Uuid,
    /// The name the user signs in with. Letters, digits, underscore and hyphen.
    pub username: ::std::string::String,
    /// Where the user can be reached. Kept exactly as given.
    pub email: ::std::string::String,
    /// What the user may do, from least to most. Nobody hands out a role above their own.
    pub role: UserRole,
    /// How far into the application the user gets, 1 to 5. Nobody hands out a level above their own.
    pub level: i32,
    /// When the account was made.
    pub created_at: ::dbal::DateTime,
    /// When the account was last changed.
    pub updated_at: ::dbal::DateTime,
    /// The related row, where asked for.
    #[serde(default)]
    pub credential: ::std::option::Option<::std::boxed::Box<Credential>>,
    /// Related rows, where asked for.
    #[serde(default)]
    pub lua_scripts: ::std::option::Option<::std::vec::Vec<LuaScript>>,
    /// Related rows, where asked for.
    #[serde(default)]
    pub packages: ::std::option::Option<::std::vec::Vec<Package>>,
    /// Related rows, where asked for.
    #[serde(default)]
    pub sessions: ::std::option::Option<::std::vec::Vec<Session>>,
    /// Related rows, where asked for.
    #[serde(default)]
    pub workflows: ::std::option::Option<::std::vec::Vec<Workflow>>,
}

/// What makes a [`User`]. What is left out is filled by its default, or null.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct UserCreate {
    #[serde(skip_serializing_if = "::std::option::Option::is_none")]
    pub id: ::std::option::Option<::dbal::Uuid>,
    pub username: ::std::string::String,
    pub email: ::std::string::String,
    #[serde(skip_serializing_if = "::std::option::Option::is_none")]
    pub role: ::std::option::Option<UserRole>,
    #[serde(skip_serializing_if = "::std::option::Option::is_none")]
    pub level: ::std::option::Option<i32>,
    #[serde(skip_serializing_if = "::std::option::Option::is_none")]
    pub created_at: ::std::option::Option<::dbal::DateTime>,
    #[serde(skip_serializing_if = "::std::option::Option::is_none")]
    pub updated_at: ::std::option::Option<::dbal::DateTime>,
}

impl UserCreate {
    /// With what must be given.
    pub fn new(username: impl ::std::convert::Into<::std::string::String>, email: impl ::std::convert::Into<::std::string::String>) -> Self {
        UserCreate {
            id: ::std::option::Option::None,
            username: username.into(),
            email: email.into(),
            role: ::std::option::Option::None,
            level: ::std::option::Option::None,
            created_at: ::std::option::Option::None,
            updated_at: ::std::option::Option::None,
        }
    }
}

/// What changes a [`User`]. What is `None` stays; `Some(None)` sets null.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct UserUpdate {
    #[serde(skip_serializing_if = "::std::option::Option::is_none")]
    pub username: ::std::option::Option<::std::string::String>,
    #[serde(skip_serializing_if = "::std::option::Option::is_none")]
    pub email: ::std::option::Option<::std::string::String>,
    #[serde(skip_serializing_if = "::std::option::Option::is_none")]
    pub role: ::std::option::Option<UserRole>,
    #[serde(skip_serializing_if = "::std::option::Option::is_none")]
    pub level: ::std::option::Option<i32>,
}

impl Model for User {
    const NAME: &'static str = "User";
    type Create = UserCreate;
    type Update = UserUpdate;
}

impl User {
    pub const ID: Column<User, ::dbal::Uuid> = Column::new("id");
    pub const USERNAME: Column<User, ::std::string::String> = Column::new("username");
    pub const EMAIL: Column<User, ::std::string::String> = Column::new("email");
    pub const ROLE: Column<User, UserRole> = Column::new("role");
    pub const LEVEL: Column<User, i32> = Column::new("level");
    pub const CREATED_AT: Column<User, ::dbal::DateTime> = Column::new("created_at");
    pub const UPDATED_AT: Column<User, ::dbal::DateTime> = Column::new("updated_at");
    pub const CREDENTIAL: Link<User> = Link::new("credential");
    pub const LUA_SCRIPTS: Link<User> = Link::new("lua_scripts");
    pub const PACKAGES: Link<User> = Link::new("packages");
    pub const SESSIONS: Link<User> = Link::new("sessions");
    pub const WORKFLOWS: Link<User> = Link::new("workflows");
}

/// The words of `trigger` of Workflow, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum WorkflowTrigger {
    #[serde(rename = "manual")]
    Manual,
    #[serde(rename = "schedule")]
    Schedule,
    #[serde(rename = "event")]
    Event,
    #[serde(rename = "webhook")]
    Webhook,
}

/// A named list of steps and what sets them off.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Workflow {
    /// Made by the engine.
    pub id: ::dbal::Uuid,
    /// What people and other workflows call it.
    pub name: ::std::string::String,
    /// What it does, and why.
    pub description: ::std::option::Option<::std::string::String>,
    /// What sets it off.
    pub trigger: WorkflowTrigger,
    /// The details of the trigger, such as a schedule or the name of an event.
    pub trigger_config: ::dbal::Value,
    /// What happens, in order.
    pub steps: ::dbal::Value,
    /// Whether its trigger is listened to.
    pub is_active: bool,
    /// Who made it. A user who made workflows cannot be deleted before they are handed over.
    pub created_by: ::dbal::Uuid,
    /// When it was made.
    pub created_at: ::dbal::DateTime,
    /// When it was last changed.
    pub updated_at: ::dbal::DateTime,
    /// The related row, where asked for.
    #[serde(default)]
    pub creator: ::std::option::Option<::std::boxed::Box<User>>,
}

/// What makes a [`Workflow`]. What is left out is filled by its default, or null.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct WorkflowCreate {
    #[serde(skip_serializing_if = "::std::option::Option::is_none")]
    pub id: ::std::option::Option<::dbal::Uuid>,
    pub name: ::std::string::String,
    #[serde(skip_serializing_if = "::std::option::Option::is_none")]
    pub description: ::std::option::Option<::std::string::String>,
    pub trigger: WorkflowTrigger,
    pub trigger_config: ::dbal::Value,
    pub steps: ::dbal::Value,
    #[serde(skip_serializing_if = "::std::option::Option::is_none")]
    pub is_active: ::std::option::Option<bool>,
    pub created_by: ::dbal::Uuid,
    #[serde(skip_serializing_if = "::std::option::Option::is_none")]
    pub created_at: ::std::option::Option<::dbal::DateTime>,
    #[serde(skip_serializing_if = "::std::option::Option::is_none")]
    pub updated_at: ::std::option::Option<::dbal::DateTime>,
}

impl WorkflowCreate {
    /// With what must be given.
    pub fn new(name: impl ::std::convert::Into<::std::string::String>, trigger: impl ::std::convert::Into<WorkflowTrigger>, trigger_config: impl ::std::convert::Into<::dbal::Value>, steps: impl ::std::convert::Into<::dbal::Value>, created_by: impl ::std::convert::Into<::dbal::Uuid>) -> Self {
        WorkflowCreate {
            id: ::std::option::Option::None,
            name: name.into(),
            description: ::std::option::Option::None,
            trigger: trigger.into(),
            trigger_config: trigger_config.into(),
            steps: steps.into(),
            is_active: ::std::option::Option::None,
            created_by: created_by.into(),
            created_at: ::std::option::Option::None,
            updated_at: ::std::option::Option::None,
        }
    }
}

/// What changes a [`Workflow`]. What is `None` stays; `Some(None)` sets null.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct WorkflowUpdate {
    #[serde(skip_serializing_if = "::std::option::Option::is_none")]
    pub name: ::std::option::Option<::std::string::String>,
    #[serde(skip_serializing_if = "::std::option::Option::is_none")]
    pub description: ::std::option::Option<::std::option::Option<::std::string::String>>,
    #[serde(skip_serializing_if = "::std::option::Option::is_none")]
    pub trigger: ::std::option::Option<WorkflowTrigger>,
    #[serde(skip_serializing_if = "::std::option::Option::is_none")]
    pub trigger_config: ::std::option::Option<::dbal::Value>,
    #[serde(skip_serializing_if = "::std::option::Option::is_none")]
    pub steps: ::std::option::Option<::dbal::Value>,
    #[serde(skip_serializing_if = "::std::option::Option::is_none")]
    pub is_active: ::std::option::Option<bool>,
    #[serde(skip_serializing_if = "::std::option::Option::is_none")]
    pub created_by: ::std::option::Option<::dbal::Uuid>,
}

impl Model for Workflow {
    const NAME: &'static str = "Workflow";
    type Create = WorkflowCreate;
    type Update = WorkflowUpdate;
}

impl Workflow {
    pub const ID: Column<Workflow, ::dbal::Uuid> = Column::new("id");
    pub const NAME: Column<Workflow, ::std::string::String> = Column::new("name");
    pub const DESCRIPTION: Column<Workflow, ::std::string::String> = Column::new("description");
    pub const TRIGGER: Column<Workflow, WorkflowTrigger> = Column::new("trigger");
    pub const TRIGGER_CONFIG: Column<Workflow, ::dbal::Value> = Column::new("trigger_config");
    pub const STEPS: Column<Workflow, ::dbal::Value> = Column::new("steps");
    pub const IS_ACTIVE: Column<Workflow, bool> = Column::new("is_active");
    pub const CREATED_BY: Column<Workflow, ::dbal::Uuid> = Column::new("created_by");
    pub const CREATED_AT: Column<Workflow, ::dbal::DateTime> = Column::new("created_at");
    pub const UPDATED_AT: Column<Workflow, ::dbal::DateTime> = Column::new("updated_at");
    pub const CREATOR: Link<Workflow> = Link::new("creator");
}

/// How often an operation was called in the present window. Kept by the engine.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct DbalRateLimit {
    /// A hash of the operation and of what is counted.
    pub id: ::std::string::String,
    /// Calls so far.
    pub attempts: i64,
    /// When the window ends.
    pub expires_at: ::dbal::DateTime,
}

/// What makes a [`DbalRateLimit`]. What is left out is filled by its default, or null.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DbalRateLimitCreate {
    pub id: ::std::string::String,
    pub attempts: i64,
    pub expires_at: ::dbal::DateTime,
}

impl DbalRateLimitCreate {
    /// With what must be given.
    pub fn new(id: impl ::std::convert::Into<::std::string::String>, attempts: impl ::std::convert::Into<i64>, expires_at: impl ::std::convert::Into<::dbal::DateTime>) -> Self {
        DbalRateLimitCreate {
            id: id.into(),
            attempts: attempts.into(),
            expires_at: expires_at.into(),
        }
    }
}

/// What changes a [`DbalRateLimit`]. What is `None` stays; `Some(None)` sets null.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct DbalRateLimitUpdate {
    #[serde(skip_serializing_if = "::std::option::Option::is_none")]
    pub attempts: ::std::option::Option<i64>,
    #[serde(skip_serializing_if = "::std::option::Option::is_none")]
    pub expires_at: ::std::option::Option<::dbal::DateTime>,
}

impl Model for DbalRateLimit {
    const NAME: &'static str = "DbalRateLimit";
    type Create = DbalRateLimitCreate;
    type Update = DbalRateLimitUpdate;
}

impl DbalRateLimit {
    pub const ID: Column<DbalRateLimit, ::std::string::String> = Column::new("id");
    pub const ATTEMPTS: Column<DbalRateLimit, i64> = Column::new("attempts");
    pub const EXPIRES_AT: Column<DbalRateLimit, ::dbal::DateTime> = Column::new("expires_at");
}
