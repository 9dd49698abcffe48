//! Uniforms: what shaders are told, field by field as they declare it.

use bytemuck::NoUninit;

/// A uniform's name in its shader, its bytes, and each field with its offset and its bytes.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(not(test), allow(dead_code))] // tests hold it against what the shaders declare
pub(crate) struct UniformLayout {
    /// The name of the struct in WGSL; nothing where no uniform is bound.
    pub name: &'static str,
    pub size: usize,
    pub fields: &'static [(&'static str, usize, usize)],
}

/// What can be a uniform: what [`uniform`] declares, or nothing at all.
pub(crate) trait Uniform: NoUninit {
    const LAYOUT: UniformLayout;
}

impl Uniform for () {
    const LAYOUT: UniformLayout = UniformLayout {
        name: "",
        size: 0,
        fields: &[],
    };
}

/// Declares a struct that a shader has under the name behind `as`, with its fields under the same names in the same places.
/// Fields that begin with `pad` fill gaps, and may differ.
macro_rules! uniform {
    (
        $(#[$meta:meta])*
        $vis:vis struct $shape:ident as $name:ident {
            $($(#[$field_meta:meta])* $field_vis:vis $field:ident: $type:ty),* $(,)?
        }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, Default, bytemuck::Pod, bytemuck::Zeroable)]
        #[repr(C)]
        $vis struct $shape {
            $($(#[$field_meta])* $field_vis $field: $type,)*
        }

        impl $crate::gpu::shapes::Uniform for $shape {
            const LAYOUT: $crate::gpu::shapes::UniformLayout = $crate::gpu::shapes::UniformLayout {
                name: stringify!($name),
                size: size_of::<$shape>(),
                fields: &[$((stringify!($field), core::mem::offset_of!($shape, $field), size_of::<$type>())),*],
            };
        }
    };
}
pub(crate) use uniform;

uniform! {
    /// Columns of a buffer: `View` in `shaders/prelude.wgsl`.
    #[derive(PartialEq)]
    pub(crate) struct ViewShape as View {
        pub first: u32,
        pub stride: u32,
        pub width: u32,
        pub space: u32,
    }
}

impl ViewShape {
    /// Index of the space that the rows are of.
    pub fn space(self) -> usize {
        self.space as usize / 2
    }
}
