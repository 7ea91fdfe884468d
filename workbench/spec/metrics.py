"""The measured quantities by name: curves, results, and what estimates find."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from functools import cached_property, lru_cache

from workbench.spec.metric import NATS, Metric

MSE_NOTE = (
    "MSE: squared error of the decoded representative latent, mean over data dimensions and "
    "test examples, in squared data units; pixels lie in 0 … 1."
)
EPSILONS = (0.01, 0.1, 0.2, 0.3)  # how far an attack may move each pixel, in [0, 1] units

BUILT_IN: dict[str, Metric] = {
    # curves, written while training
    "loss": Metric("loss", NATS, "lower", "what the model's weights minimise"),
    "nelbo": Metric("NELBO", NATS, "lower", "negative evidence lower bound"),
    "relaxed_nelbo": Metric("relaxed NELBO", NATS, "",
        "with relaxed bits: a surrogate to train on, not a bound"),
    "multi_sample_nelbo": Metric("multi-sample NELBO", NATS, "lower",
        "negative bound with L draws: tighter than the NELBO, not the NELBO"),
    "temperature": Metric("temperature τ", "", "", "of the relaxed bits; 0 would be hard ones"),
    "reconstruction": Metric("reconstruction", NATS, "lower",
        "negative log-likelihood of x given its latent"),
    "kl": Metric("KL", NATS, "", "divergence of q(z|x) from the prior"),
    "kl_adversary": Metric("KL (adversarial)", NATS, "", "mean of T over q(z|x): an estimate, not a bound"),
    "elbo_adversary": Metric("ELBO (adversarial)", NATS, "", "log-likelihood minus T: not a bound"),
    "adversary_loss": Metric("adversary loss", "nats", "",
        "logistic loss of T; 2 ln 2 = 1.386 when it sees nothing", 2 * math.log(2), "2 ln 2: T sees nothing"),
    "acceptance": Metric("acceptance", "share", "", "accepted transitions of the chain", span=(0.0, 1.0)),
    "step_size": Metric("step size η", "", "", "Langevin step of the summed energy", log=True),
    "log_ratio": Metric("log ratio", "nats", "", "mean log acceptance ratio"),
    "chain_temperature": Metric("temperature of W", "", "",
        "of a chain that is not Langevin dynamics: 1/batch; Langevin has 1"),
    "course_acceptance": Metric("acceptance (course)", "share", "",
        "by the course project's rule, not Metropolis–Hastings"),
    "course_log_ratio": Metric("log ratio (course)", "nats", "",
        "by the course project's rule, not Metropolis–Hastings"),
    "latent_step": Metric("η·mean‖h‖²", "", "", "step seen by the latents"),
    "latent_move": Metric("own move of a latent", "posterior sd", "",
        "in an update, apart from the shift common to all images"),
    "weight_norm": Metric("‖W‖", "", "", "Frobenius norm of the chain's state"),
    "energy": Metric("energy", NATS, "lower", "chain energy V per example"),
    "z_mean": Metric("mean of z", "", "", "mean of the aggregated latents; N(0, I) has 0"),
    "z_variance": Metric("variance of z", "", "", "variance of the aggregated latents; N(0, I) has 1", 1.0,
        "N(0, I)"),
    "sigma_x": Metric("σ of x", "data units", "", "scale of the likelihood"),
    "f_posterior": Metric("f on posterior", "nats", "", "mean f over posterior chains"),
    "f_prior": Metric("f on prior", "nats", "", "mean f over prior chains"),
    "z_square": Metric("‖z‖²", "", "", "mean squared norm of the prior chain's end"),
    "mse": Metric("MSE", "data units² per dimension", "lower", "reconstruction error with the mean latent",
        note=MSE_NOTE),
    "noise_mse": Metric("noise error", "per dimension", "lower",
        "squared error of the predicted noise; 1 is that of knowing nothing", 1.0, "knowing nothing"),
    "accuracy": Metric("accuracy", "share", "higher", "examples whose label is found"),
    "nll": Metric("NLL of the label", NATS, "lower", "cost of the right label, −log softmax"),
    # results, written once; tables show those "where given" in this order
    "test_accuracy": Metric("test accuracy", "share", "higher", "test examples whose label is found",
        column="where given"),
    "test_nll": Metric("test NLL of the label", NATS, "lower", "−log softmax of the right label",
        column="where given"),
    "test_nelbo": Metric("test NELBO", NATS, "lower", "negative evidence lower bound on test data",
        needs=("a normalised prior", "an explicit posterior"), column="where given"),
    "test_iwae": Metric("test IWAE", NATS, "lower", "negative importance-weighted bound on test data",
        needs=("a normalised prior",), equal=(("evaluation.importance_samples", "number of draws k"),),
        column="where given", note="IWAE: negative importance-weighted bound with {draws}."),
    "test_iwae_effective": Metric("IWAE effective draws", "draws", "higher",
        "effective number of the weights behind test IWAE; below 4 the proposal is poor"),
    "test_mse": Metric("reconstruction MSE", "data units² per dimension", "lower",
        "test reconstruction error with the mean latent", needs=("latents",), column="always", note=MSE_NOTE),
    "nelbo_best_std": Metric("NELBO, best q-std", NATS, "lower",
        "with the one standard deviation of q(z|x) that is best for it"),
    "best_encoder_std": Metric("best q-std", "", "", "found on training data; see the NELBO with it"),
    "drawn_reconstruction": Metric("drawn reconstruction", NATS, "lower",
        "−log p(x|z) of a draw z from q(z|x): no bound, lacks the KL"),
    "active_bits": Metric("active bits", "bits", "", "bits with more than 0.01 nats of information about x"),
    "gmm_components": Metric("components", "", "", "Gaussians in the mixture that was chosen"),
    "gmm_log_likelihood": Metric("mixture fit", NATS, "higher",
        "log-density of standardised test codes under the mixture"),
    "gmm_prior_iwae": Metric("IWAE, GMM prior", NATS, "lower",
        "negative importance-weighted bound with the mixture as prior: not what was trained"),
    "nearest_train": Metric("nearest training example", "data units", "",
        "distance of samples to their nearest training example"),
    "nearest_train_real": Metric("nearest, of test data", "data units", "",
        "distance of test examples to their nearest training one"),
    "knn_accuracy": Metric("k-NN accuracy", "share", "higher", "test labels predicted from train latents",
        needs=("latents",), equal=(("evaluation.neighbours", "number of neighbours"),), column="always",
        absent="the data have no labels"),
    "energy_distance": Metric("energy distance", "data units", "lower", "model samples against test data",
        needs=("samples",), column="always"),
    "energy_distance_null": Metric("real-vs-real null", "data units", "",
        "the same distance between two real sets", needs=("samples",), column="always", one_per="data set",
        note="Real-vs-real null: the energy distance between two sets of real examples of the same sizes; "
             "its ± is the standard deviation over {splits}random splits, and the mean of many is 0. "
             "The estimator is unbiased, so a distance can be negative."),
    "energy_distance_null_95": Metric("null, 95 %", "data units", "",
        "what 95 % of the distances between two real sets stay below", needs=("samples",),
        one_per="data set"),
    # the uniform-square study: latents against N(0, I), what is decoded against U[0, 1]²
    "z_ks": Metric("KS of z", "", "lower", "posterior draws against N(0, 1): the worst latent dimension"),
    "z_ks_null_95": Metric("KS of z, null 95 %", "", "", "what 95 % of true normal sets stay below"),
    "z_mean_error": Metric("‖mean of z‖", "", "lower", "mean of posterior draws; N(0, I) has 0"),
    "z_cov_error": Metric("‖cov of z − I‖", "", "lower", "Frobenius norm, over posterior draws"),
    "z_skewness": Metric("Mardia skewness", "", "lower", "of posterior draws; d(d+1)(d+2)/n for a Gaussian"),
    "z_kurtosis": Metric("Mardia kurtosis", "", "", "of posterior draws, in excess of a Gaussian's"),
    "z_energy": Metric("energy distance of z", "", "lower", "posterior draws against N(0, I)"),
    "z_energy_null_95": Metric("energy of z, null 95 %", "", "", "between two sets of N(0, I) draws"),
    "z_mmd": Metric("MMD² of z", "", "lower", "posterior draws against N(0, I), unbiased"),
    "z_mmd_null_95": Metric("MMD² of z, null 95 %", "", "", "between two sets of N(0, I) draws"),
    "x_ks": Metric("KS of x̂", "", "lower", "reconstructions (drawn z) against U(0, 1): the worst dimension"),
    "x_ks_null_95": Metric("KS of x̂, null 95 %", "", "", "what 95 % of true uniform sets stay below"),
    "x_occupancy": Metric("χ² of x̂", "", "lower",
        "reconstructions in 10 × 10 cells; 99 in the mean if uniform"),
    "x_occupancy_null_95": Metric("χ² of x̂, null 95 %", "", "", "what 95 % of true uniform sets stay below"),
    "x_sliced": Metric("sliced W1 of x̂", "data units", "lower", "decoded draws against the uniform square"),
    "x_sliced_null_95": Metric("sliced W1 of x̂, null 95 %", "data units", "",
        "what 95 % of true uniform sets stay below"),
    "x_low": Metric("1 % point of x̂", "data units", "",
        "of the dimension that starts later; 0.01 if uniform"),
    "x_high": Metric("99 % point of x̂", "data units", "",
        "of the dimension that ends earlier; 0.99 if uniform"),
    "sample_ks": Metric("KS of samples", "", "lower",
        "decoded N(0, I) draws against U(0, 1): worst dimension"),
    "sample_occupancy": Metric("χ² of samples", "", "lower", "decoded N(0, I) draws in 10 × 10 cells"),
    "sample_sliced": Metric("sliced W1 of samples", "data units", "lower",
        "decoded N(0, I) draws against the uniform square"),
    "best_step": Metric("best step", "iterations", "", "the step whose state early stopping kept"),
    "training_seconds": Metric("training time", "s", "lower", "time in training steps, evaluation excluded",
        column="always", one_per="run",
        note="Training time is that of a run, its seeds trained together, evaluation excluded; "
             "its n counts runs{runs}."),
    "log_px": Metric("mean log p(x)", NATS, "higher",
        "exact log-likelihood, by 2-d quadrature or enumeration", column="where given"),
}  # fmt: skip


def attack_metric(attack: str, what: str, eps: float) -> str:
    """Return the name of what (accuracy or nll) is measured under an attack of size ε: fgsm_accuracy_eps010.

    Under the attack "clean", ε = 0, the same pictures are left as they are.
    """
    return f"{attack}_{what}" + (f"_eps{round(100 * eps):03d}" if eps > 0 else "")


def _attack_metrics() -> dict[str, Metric]:
    """Return the metrics of all attacks and sizes, named by `attack_metric`."""
    under = {("clean", 0.0): ("clean {}", "of the attacked pictures, untouched")}
    for attack, how in (("fgsm", "one signed step of ε"), ("pgd", "many small signed steps within ε")):
        for eps in EPSILONS:
            label = f"{attack.upper()} {{}}, ε {eps:g}"
            under[attack, eps] = (label, f"of test pictures attacked by {how}")
    equal = tuple((f"model.{key}", "attack") for key in ("pgd_steps", "pgd_step"))
    equal += (("model.attack_images", "number of attacked pictures"),)
    found = {}
    for (attack, eps), (label, about) in under.items():
        accuracy = Metric(label.format("accuracy"), "share", "higher", about, equal=equal)
        found[attack_metric(attack, "accuracy", eps)] = accuracy
        found[attack_metric(attack, "nll", eps)] = Metric(
            label.format("NLL"), NATS, "lower", about, equal=equal
        )
    return found


BUILT_IN |= _attack_metrics()


class _AllMetrics(Mapping[str, Metric]):
    """The built-in metrics, then those of the estimates, which are loaded when one is asked for."""

    @cached_property
    def _all(self) -> dict[str, Metric]:
        from workbench.spec.estimates import estimate_metrics  # loads pydantic: 0.1 s

        return BUILT_IN | estimate_metrics()

    def __getitem__(self, name: str) -> Metric:
        return BUILT_IN[name] if name in BUILT_IN else self._all[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._all)

    def __len__(self) -> int:
        return len(self._all)


METRICS: Mapping[str, Metric] = _AllMetrics()


@lru_cache(maxsize=1000)  # asked for every cell of long lists
def metric(name: str) -> Metric:
    """Return the metric of that name; an unknown one (a plug-in's) shows under its own name."""
    return METRICS.get(name) or Metric(name, "", "", "")
