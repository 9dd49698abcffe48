//! The modules of WGSL: each is some files of `shaders/`, one behind the other. What dispatches a module says which files it
//! is made of, in the file of the operation; the tiles that some are built with are here.

pub(crate) mod side;
pub(crate) mod tile;

use core::{
    fmt,
    hash::{Hash, Hasher},
};

use side::Side;

/// A module: files of `shaders/`, one behind the other.
#[derive(Clone, Copy)]
pub struct Shader {
    op: &'static str,
    files: &'static [&'static str],
    mixed: Option<Side>,
    source: &'static str,
}

/// The module of an operation, as its file is called, made of these files of `shaders/` behind the prelude.
macro_rules! shader {
    ($op:literal $(, $file:literal)+) => {
        $crate::gpu::shaders::Shader::new($op, &[$($file),+], None, $crate::gpu::shaders::source!($($file)+))
    };
}

/// The same in mixed precision, by small matrices of a size. That comes before all else: extensions are turned on before
/// anything is declared.
macro_rules! mixed_shader {
    ($side:expr, $op:literal $(, $file:literal)+) => {
        $crate::gpu::shaders::Shader::new($op, &[$($file),+], Some($side), match $side {
            $crate::gpu::shaders::side::Side::Eight => concat!(
                include_str!("../../../shaders/cooperative_8x8.wgsl"),
                $crate::gpu::shaders::source!("mixed" $($file)+)
            ),
            $crate::gpu::shaders::side::Side::Sixteen => concat!(
                include_str!("../../../shaders/cooperative_16x16.wgsl"),
                $crate::gpu::shaders::source!("mixed" $($file)+)
            ),
        })
    };
}

macro_rules! source {
    ($($file:literal)*) => {
        concat!(
            include_str!("../../../shaders/prelude.wgsl")
            $(, include_str!(concat!("../../../shaders/", $file, ".wgsl")))*
        )
    };
}

pub(crate) use {mixed_shader, shader, source};

impl Shader {
    pub(crate) const fn new(
        op: &'static str,
        files: &'static [&'static str],
        mixed: Option<Side>,
        source: &'static str,
    ) -> Self {
        Shader {
            op,
            files,
            mixed,
            source,
        }
    }

    /// What it is part of: the operation, as its file is called.
    pub fn name(self) -> &'static str {
        self.op
    }

    /// The files of `shaders/` that it is made of, in their order and without their ending.
    pub fn files(self) -> &'static [&'static str] {
        self.files
    }

    /// The module's WGSL.
    pub fn source(self) -> &'static str {
        self.source
    }

    /// Whether it is in mixed precision, by matrices that subgroups hold.
    pub fn is_mixed(self) -> bool {
        self.mixed.is_some()
    }

    /// Whether what is bound at 2 is a struct of this name; anything but a module's own is refused, no name is nothing.
    pub(crate) fn has_uniform(self, name: &str) -> bool {
        let mut lines = self.source().lines();
        let bound = lines.find(|line| line.starts_with("@group(0) @binding(2) var<uniform>"));
        name.is_empty() || bound.is_some_and(|line| line.ends_with(&format!(": {name};")))
    }
}

// Two modules of the same files are the same, whose text need not be looked at.

impl PartialEq for Shader {
    fn eq(&self, other: &Self) -> bool {
        (self.files, self.mixed) == (other.files, other.mixed)
    }
}

impl Eq for Shader {}

impl Hash for Shader {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.files, self.mixed).hash(state);
    }
}

impl fmt::Debug for Shader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.files.join(" + "))?;
        self.mixed.map_or(Ok(()), |side| write!(f, " ({side:?})"))
    }
}
