// Matrices of 8 x 8 that the threads of a subgroup hold together; src/gpu/shaders/mod.rs puts this before the prelude.

enable f16;
enable wgpu_cooperative_matrix;

const SIDE = 8u;
alias Left = coop_mat8x8<f16, A>;
alias Right = coop_mat8x8<f16, B>;
alias Sum = coop_mat8x8<f32, C>;
