// Written by `cargo xtask codegen` from `api/schema`; never edited by hand.

//! The reference contract: the files that it is loaded from, by their paths.

/// Each file's path and its text.
pub const FILES: &[(&str, &str)] = &[
    (
        "api/schema/entities/component_hierarchy.yaml",
        include_str!("../../../api/schema/entities/component_hierarchy.yaml"),
    ),
    ("api/schema/entities/credential.yaml", include_str!("../../../api/schema/entities/credential.yaml")),
    ("api/schema/entities/lua_script.yaml", include_str!("../../../api/schema/entities/lua_script.yaml")),
    ("api/schema/entities/package.yaml", include_str!("../../../api/schema/entities/package.yaml")),
    ("api/schema/entities/page_view.yaml", include_str!("../../../api/schema/entities/page_view.yaml")),
    ("api/schema/entities/session.yaml", include_str!("../../../api/schema/entities/session.yaml")),
    ("api/schema/entities/user.yaml", include_str!("../../../api/schema/entities/user.yaml")),
    ("api/schema/entities/workflow.yaml", include_str!("../../../api/schema/entities/workflow.yaml")),
    (
        "api/schema/operations/component_hierarchy.ops.yaml",
        include_str!("../../../api/schema/operations/component_hierarchy.ops.yaml"),
    ),
    ("api/schema/operations/credential.ops.yaml", include_str!("../../../api/schema/operations/credential.ops.yaml")),
    ("api/schema/operations/lua_script.ops.yaml", include_str!("../../../api/schema/operations/lua_script.ops.yaml")),
    ("api/schema/operations/package.ops.yaml", include_str!("../../../api/schema/operations/package.ops.yaml")),
    ("api/schema/operations/page_view.ops.yaml", include_str!("../../../api/schema/operations/page_view.ops.yaml")),
    ("api/schema/operations/session.ops.yaml", include_str!("../../../api/schema/operations/session.ops.yaml")),
    ("api/schema/operations/user.ops.yaml", include_str!("../../../api/schema/operations/user.ops.yaml")),
    ("api/schema/operations/workflow.ops.yaml", include_str!("../../../api/schema/operations/workflow.ops.yaml")),
    ("api/schema/security.yaml", include_str!("../../../api/schema/security.yaml")),
];
