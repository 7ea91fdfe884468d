"""Measured by benchmarks/study_speeds.py: updates per CPU second of one seed, training alone."""

# on an AMD EPYC core, torch 2.13.0, one thread
UPDATES_PER_SECOND: dict[str, float] = {
    "ae-gmm digits 035af338": 426,  # families: AE + GMM
    "ae-gmm mnist 20a62648": 68.9,  # lab-ae-gmm: AE + GMM components=[5]
    "ae-gmm mnist 9b68f8fb": 67.8,  # lab-ae-gmm: AE + GMM components=[50]
    "ae-gmm mnist c655f0bb": 61.3,  # lab-ae-gmm: AE + GMM components=[20]
    "avb bits8 03b9da01": 38.4,  # avb-synth: avb-edward-bits8
    "avb bits8 03ebba80": 42.7,  # avb-synth: avb-bits8
    "avb bits8 48c26b6b": 17.7,  # avb-synth: avb-edward-bits8
    "avb bits8 8dfbb394": 17.9,  # avb-synth: avb-bits8
    "avb bits8 d169a29a": 21.7,  # avb-synth: avb-bits8-16
    "avb bits8 d7cb21af": 13.3,  # avb-synth: avb-bits8-16
    "avb celeba 97510f4a": 5.79,  # avb-samples: avb-celeba
    "avb celeba cc2ad4de": 0.167,  # avb-samples: avb-celeba
    "avb celeba f9ee1c36": 2.52,  # avb-samples: avb-celeba
    "avb digits 1210fda2": 40.2,  # families: AVB, adaptive contrast
    "avb digits ac5de2b4": 69.7,  # families: AVB
    "avb mnist 1335ef28": 13.1,  # avb-loglik: avb-ac-8d-mnist
    "avb mnist 17bf9595": 0.854,  # avb-loglik: avb-8d-mnist
    "avb mnist 4d538855": 14.3,  # avb-loglik: AVB as in Edward
    "avb mnist 537c57fe": 0.915,  # avb-loglik: avb-ac-8d-mnist
    "avb mnist 58ac66b0": 13.2,  # avb-mnist-2d: avb-edward-mnist2d iterations=500
    "avb mnist 7b62cec3": 14,  # avb-samples: avb-mnist
    "avb mnist 80034cb6": 15.6,  # avb-mnist-10d: avb-edward-mnist10d
    "avb mnist fa3e1e2a": 15.3,  # avb-loglik: avb-8d-mnist
    "avb onehot4 00d4e15b": 37.9,  # avb-synth: avb-onehot4
    "avb onehot4 8e1f0f71": 35.3,  # avb-synth: avb-edward-onehot4
    "avb onehot4 9d30edfa": 20,  # avb-synth: avb-onehot4
    "avb onehot4 eabd815f": 19.5,  # avb-synth: avb-edward-onehot4
    "avb onehot8 38dedb2e": 17.8,  # avb-synth: avb-onehot8
    "avb onehot8 80e0b396": 36.8,  # avb-synth: avb-edward-onehot8
    "avb onehot8 ab793de0": 19.1,  # avb-synth: avb-edward-onehot8
    "avb onehot8 ff5e84e6": 36.4,  # avb-synth: avb-onehot8
    "binary-vae digits e25ca2ad": 215,  # families: binary VAE, RLOO
    "binary-vae mnist 0a24302c": 26.9,  # lab-binary: vae-binary-mnist estimator=straight-through
    "binary-vae mnist 20b7c5f3": 25.7,  # lab-binary: vae-binary-mnist estimator=vimco
    "binary-vae mnist 60bbb0ce": 24.2,  # lab-binary: vae-binary-mnist estimator=rloo
    "binary-vae mnist a1aad14d": 30,  # lab-binary: vae-binary-mnist estimator=concrete
    "binary-vae mnist fade0cfb": 24.8,  # lab-binary: vae-binary-mnist estimator=disarm
    "classifier digits a77faa53": 323,  # families: classifier
    "classifier mnist 046e1d16": 32.3,  # robust: robust-none-mnist
    "classifier mnist 182a1917": 159,  # lab-classifier: dropout 0.5
    "classifier mnist 1de8673c": 12.1,  # robust-accuracy: VAE ns=2
    "classifier mnist 2e0f17cc": 7.3,  # robust-accuracy: LAE ns=2
    "classifier mnist 400b444a": 4.92,  # robust-accuracy: VAE ns=5
    "classifier mnist 4479c279": 179,  # lab-classifier: no dropout
    "classifier mnist 56c0a86c": 41.8,  # robust-accuracy: None ns=0
    "classifier mnist 571bcffc": 8.95,  # robust-accuracy: LAE ns=2
    "classifier mnist 59ad6449": 6.87,  # robust-accuracy: VAE ns=5
    "classifier mnist 6266a2cc": 6.55,  # robust: robust-lae-mnist
    "classifier mnist 9c42120f": 140,  # lab-classifier: dropout 0.5
    "classifier mnist 9ec582ce": 5.92,  # robust-accuracy: LAE ns=5
    "classifier mnist ab03a42f": 45,  # robust-accuracy: None ns=0
    "classifier mnist ac9003b9": 4.46,  # robust-accuracy: LAE ns=5
    "classifier mnist bfa59d03": 6.64,  # robust-accuracy: VAE ns=5
    "classifier mnist ce8f4df6": 152,  # lab-classifier: no dropout
    "classifier mnist d46dec85": 8.57,  # robust: robust-vae-mnist
    "classifier mnist dae93a21": 12.7,  # robust-accuracy: VAE ns=2
    "classifier mnist e96652d9": 186,  # lab-classifier: no dropout
    "classifier mnist f0dffea2": 5.54,  # robust-accuracy: LAE ns=5
    "classifier mnist f2097cb0": 143,  # lab-classifier: dropout 0.5
    "ddpm moons a5ea1a86": 161,  # ddm-noise: T = 1000, β up to 0.02
    "ddpm moons b99021f1": 212,  # ddm-noise: T = 100, cosine
    "ddpm moons ea19d5a2": 208,  # ddm-noise: T = 100, β up to 0.2
    "dlgm celeba e995d1a7": 0.865,  # lae-paper: DLGM celeba
    "dlgm cifar10 ce3c991b": 2.6,  # lae-paper: DLGM cifar10
    "dlgm digits 39bb91cf": 170,  # families: DLGM
    "dlgm mnist 3a800a84": 4.6,  # lae-paper: dlgm-mnist
    "dlgm svhn 37f298df": 2.69,  # lae-paper: DLGM svhn
    "dsm moons 3a47089d": 204,  # dsm-noise: dsm-moons sigma_max=0.5 levels=5
    "dsm moons 45088cef": 218,  # dsm-noise: dsm-moons sigma_max=3.0 levels=10
    "dsm moons 52f0e056": 202,  # dsm-noise: dsm-moons sigma_max=3.0 levels=20
    "dsm moons 6f3f5415": 234,  # dsm-noise: dsm-moons sigma_max=3.0 levels=5
    "dsm moons c7e2652c": 184,  # dsm-noise: dsm-moons sigma_max=0.5 levels=20
    "dsm moons d0587daa": 173,  # dsm-noise: dsm-moons sigma_max=0.5 levels=10
    "lae celeba b50b7cd0": 1.13,  # lae-paper: lae-paper-celeba
    "lae cifar10 d46a16df": 3.24,  # lae-paper: lae-paper-cifar10
    "lae digits f1dbc7e3": 77.1,  # families: LAE
    "lae mnist 012497da": 27.5,  # avb-loglik: lae-8d-mnist
    "lae mnist 16ac175b": 3.97,  # lae-paper: lae-paper-mnist
    "lae mnist 23e4372b": 3.23,  # lae-steps: lae-course-mnist transitions=10
    "lae mnist 29673abe": 7.87,  # lae-figures: LAE (course)
    "lae mnist 3272f929": 8.05,  # lae-probe: LAE z=8
    "lae mnist 4c2cb796": 8.09,  # lae-mh: LAE, accept step (paper)
    "lae mnist 612ad38e": 16.3,  # lae-figures: LAE
    "lae mnist 68c3e05d": 7.53,  # lae-mh: LAE, accept step (course)
    "lae mnist a91275d9": 0.568,  # lae-steps: lae-course-mnist transitions=50
    "lae mnist f2e46c42": 7.72,  # lae-probe: LAE z=16
    "lae svhn 75fa1f6f": 3.21,  # lae-paper: lae-paper-svhn
    "lebm celeba 5bebf2a8": 0.00999,  # lebm-samples: lebm-celeba
    "lebm celeba b72e01d0": 0.642,  # lebm-samples: lebm-celeba
    "lebm celeba d7a3bddc": 0.614,  # lebm-samples: lebm-celeba
    "lebm cifar10 0455b608": 0.0151,  # lebm-samples: lebm-cifar10
    "lebm cifar10 58c00adf": 1.09,  # lebm-samples: lebm-cifar10
    "lebm cifar10 939144cf": 1.39,  # lebm-samples: lebm-cifar10
    "lebm digits 6d249d76": 27.9,  # families: LEBM
    "lebm mnist af5f00fa": 5.79,  # lebm-samples: lebm-mnist
    "lebm moons 290a1af9": 48.5,  # moons: LEBM, f = 0
    "lebm moons 2e45b6bd": 6.26,  # lebm-ti: power (slides)
    "lebm moons 5119941b": 5.59,  # lebm-ti: ti-full
    "lebm moons 5ba1c598": 11.6,  # moons-chains: lebm-moons posterior_step=0.2
    "lebm moons 7f8b7e15": 21.6,  # lebm-ti: vanilla
    "lebm moons 94f47338": 17.1,  # moons-chains: lebm-moons posterior_step=0.05
    "lebm moons b5170dfd": 16.9,  # moons: LEBM, cold chains of 20 steps
    "lebm moons d7ebb6d6": 17.9,  # moons: LEBM
    "lebm svhn 176a459a": 1.6,  # lebm-samples: lebm-svhn
    "lebm svhn 3aeea1cc": 0.0752,  # lebm-samples: lebm-svhn
    "lebm svhn 64ed42e7": 1.14,  # lebm-samples: lebm-svhn
    "vae celeba 6aca38e0": 1.91,  # lae-paper: VAE celeba
    "vae cifar10 b0114d57": 6.46,  # lae-paper: VAE cifar10
    "vae digits 38f32c8d": 203,  # families: VAE
    "vae mnist 1247713e": 18.2,  # lae-probe: VAE z=16
    "vae mnist 32f4c33c": 9.08,  # avb-loglik: vae-conv-8d-mnist
    "vae mnist 33e3fa14": 49.3,  # avb-loglik: vae-8d-mnist
    "vae mnist 4ff3151e": 10.1,  # lae-paper: vae-paper-mnist
    "vae mnist 51945eab": 24.7,  # lae-probe: VAE z=2
    "vae mnist 67fd205b": 25.9,  # lab-vae: vae-mnist latent=2 draws=5
    "vae mnist 83830e05": 51.1,  # lab-vae: vae-mnist latent=2 draws=1
    "vae mnist 8eb2a273": 60.4,  # lab-vae: vae-mnist latent=20 draws=1
    "vae mnist 9878f5da": 22.3,  # lab-vae: vae-mnist latent=20 draws=5
    "vae mnist d27207f9": 19.5,  # lae-probe: VAE z=8
    "vae mnist e6899038": 54.5,  # lab-ae-gmm: VAE
    "vae mnist f051dc79": 57.1,  # avb-mnist-10d: vae-mnist
    "vae mnist f5dfb16e": 27.7,  # lab-vae: vae-mnist latent=8 draws=5
    "vae square 0f473fd5": 318,  # idler-grid-2d: bvae-square beta=0.001 l2=0.0
    "vae square 1169955b": 163,  # idler-grid-1d: bvae-square-1d beta=0.01 l2=0.25
    "vae square 1c2fa2c9": 243,  # idler-grid-2d: bvae-square beta=0.001 l2=0.1
    "vae square 371218b5": 298,  # idler-grid-1d: bvae-square-1d beta=0.1 l2=0.0
    "vae square 423ccdb9": 194,  # idler-grid-1d: bvae-square-1d beta=0.001 l2=0.0
    "vae square 4335da0f": 201,  # idler-grid-2d: bvae-square beta=0.001 l2=0.05
    "vae square 4e48db77": 185,  # idler-grid-1d: bvae-square-1d beta=0.001 l2=0.25
    "vae square 559e4792": 192,  # idler-grid-1d: bvae-square-1d beta=0.1 l2=0.25
    "vae square 61d7128c": 212,  # idler-grid-2d: bvae-square beta=0.01 l2=0.0
    "vae square 68419ee2": 159,  # idler-grid-2d: bvae-square beta=0.01 l2=0.05
    "vae square 8256bf76": 208,  # idler-grid-2d: bvae-square beta=0.1 l2=0.25
    "vae square 86fd0ab0": 240,  # idler-grid-2d: bvae-square beta=0.1 l2=0.1
    "vae square 8c6bfe95": 205,  # idler-grid-2d: bvae-square beta=0.1 l2=0.0
    "vae square 8cb2e8f5": 156,  # idler-grid-2d: bvae-square beta=0.001 l2=0.25
    "vae square b1a7bc42": 228,  # idler-grid-1d: bvae-square-1d beta=0.01 l2=0.0
    "vae square b59200ff": 204,  # idler-grid-2d: bvae-square beta=0.1 l2=0.05
    "vae square e98f184d": 174,  # idler-grid-2d: bvae-square beta=0.01 l2=0.25
    "vae square f1f00e49": 173,  # idler-grid-2d: bvae-square beta=0.01 l2=0.1
    "vae svhn c6db665d": 5.38,  # lae-paper: VAE svhn
    "vae-flow celeba 3ef94be2": 2.16,  # lae-paper: VAE-flow celeba
    "vae-flow cifar10 40703b4f": 5.88,  # lae-paper: VAE-flow cifar10
    "vae-flow digits 03cf1a0b": 123,  # families: VAE, planar flows
    "vae-flow mnist 3ca69cf0": 7.59,  # lae-paper: vae-flow-mnist
    "vae-flow svhn c771e69e": 5.78,  # lae-paper: VAE-flow svhn
}
