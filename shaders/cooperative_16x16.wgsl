// Matrices of 16 x 16 that the threads of a subgroup hold together; src/gpu/shaders/mod.rs puts this before the prelude.

enable f16;
enable wgpu_cooperative_matrix;

const SIDE = 16u;
alias Left = coop_mat16x16<f16, A>;
alias Right = coop_mat16x16<f16, B>;
alias Sum = coop_mat16x16<f32, C>;
