"""The measured quantities by name: what they are called, their unit, and which direction is better."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Metric:
    """A named quantity. `better` is empty where neither direction is.

    `reference` is a value to read its curve against, and `reference_name` what that is; `target` names
    the model's setting that holds such a value. Plots show `span`, if it is given, on a log axis if `log`.
    """

    label: str
    unit: str
    better: Literal["lower", "higher", ""]
    description: str
    reference: float | None = None
    reference_name: str = ""
    target: str = ""
    span: tuple[float, float] | None = None
    log: bool = False


NATS = "nats per example"
ATTACKED = ("clean_", "fgsm_", "pgd_")  # how the names of metrics of attacked pictures begin
EPSILONS = (0.01, 0.1, 0.2, 0.3)  # how far an attack may move each pixel, in [0, 1] units

METRICS: dict[str, Metric] = {
    # curves, written while training
    "loss": Metric("loss", NATS, "lower", "what the model's weights minimise"),
    "nelbo": Metric("NELBO", NATS, "lower", "negative evidence lower bound"),
    "relaxed_nelbo": Metric(
        "relaxed NELBO", NATS, "", "with relaxed bits: a surrogate to train on, not a bound"
    ),
    "multi_sample_nelbo": Metric(
        "multi-sample NELBO",
        NATS,
        "lower",
        "negative bound with L draws: tighter than the NELBO, not the NELBO",
    ),
    "temperature": Metric("temperature τ", "", "", "of the relaxed bits; 0 would be hard ones"),
    "reconstruction": Metric(
        "reconstruction", NATS, "lower", "negative log-likelihood of x given its latent"
    ),
    "kl": Metric("KL", NATS, "", "divergence of q(z|x) from the prior"),
    "kl_adversary": Metric("KL by T", NATS, "", "mean of T over q(z|x): an estimate, not a bound"),
    "elbo_adversary": Metric("ELBO by T", NATS, "", "log-likelihood minus T: not a bound"),
    "adversary_loss": Metric(
        "adversary loss",
        "nats",
        "",
        "logistic loss of T; 2 ln 2 = 1.386 when it sees nothing",
        2 * math.log(2),
        "2 ln 2: T sees nothing",
    ),
    "acceptance": Metric(
        "acceptance",
        "share",
        "",
        "accepted transitions of the chain",
        target="target_acceptance",
        span=(0.0, 1.0),
    ),
    "step_size": Metric("step size η", "", "", "Langevin step of the summed energy", log=True),
    "log_ratio": Metric("log ratio", "nats", "", "mean log acceptance ratio"),
    "chain_temperature": Metric(
        "temperature of W", "", "", "of a chain that is not Langevin dynamics: 1/batch; Langevin has 1"
    ),
    "course_acceptance": Metric(
        "acceptance (course)", "share", "", "by the course project's rule, not Metropolis–Hastings"
    ),
    "course_log_ratio": Metric(
        "log ratio (course)", "nats", "", "by the course project's rule, not Metropolis–Hastings"
    ),
    "latent_step": Metric("η·mean‖h‖²", "", "", "step seen by the latents"),
    "weight_norm": Metric("‖W‖", "", "", "Frobenius norm of the chain's state"),
    "energy": Metric("energy", NATS, "lower", "chain energy V per example"),
    "z_mean": Metric("mean of z", "", "", "mean of the aggregated latents; N(0, I) has 0"),
    "z_variance": Metric(
        "variance of z", "", "", "variance of the aggregated latents; N(0, I) has 1", 1.0, "N(0, I)"
    ),
    "sigma_x": Metric("σ of x", "data units", "", "scale of the likelihood"),
    "f_posterior": Metric("f on posterior", "nats", "", "mean f over posterior chains"),
    "f_prior": Metric("f on prior", "nats", "", "mean f over prior chains"),
    "z_square": Metric("‖z‖²", "", "", "mean squared norm of the prior chain's end"),
    "ti_log_px": Metric(
        "TI log p̂(x)", NATS, "higher", "thermodynamic integration: E_t over a ladder, by the trapezium rule"
    ),
    "ti_log_px_corrected": Metric(
        "TI log p̂(x), corrected", NATS, "higher", "the same with the variance-corrected trapezium rule"
    ),
    "ti_fall": Metric(
        "fall of E_t", "standard errors", "lower", "at worst between neighbours; above 4: not converged"
    ),
    "ti_drift": Metric(
        "drift of E_t", "standard errors", "lower", "in the second half of the steps; above 4: not converged"
    ),
    "ti_converged": Metric("chains converged", "", "higher", "1 if E_t neither falls with t nor drifts"),
    "ti_kl": Metric("largest Δt²V", "nats", "", "divergence of neighbouring temperatures, about; aim at ≲ 1"),
    "swap_acceptance": Metric("swap acceptance", "share", "", "exchanges of neighbouring temperatures"),
    "mse": Metric("MSE", "data units² per dimension", "lower", "reconstruction error with the mean latent"),
    "noise_mse": Metric(
        "noise error",
        "per dimension",
        "lower",
        "squared error of the predicted noise; 1 is that of knowing nothing",
        1.0,
        "knowing nothing",
    ),
    "accuracy": Metric("accuracy", "share", "higher", "examples whose label is found"),
    "nll": Metric("NLL of the label", NATS, "lower", "cost of the right label, −log softmax"),
    # results, written once
    "test_nelbo": Metric("test NELBO", NATS, "lower", "negative evidence lower bound on test data"),
    "test_iwae": Metric("test IWAE", NATS, "lower", "negative importance-weighted bound on test data"),
    "test_mse": Metric(
        "reconstruction MSE",
        "data units² per dimension",
        "lower",
        "test reconstruction error with the mean latent",
    ),
    "nelbo_best_std": Metric(
        "NELBO, best q-std", NATS, "lower", "with the one standard deviation of q(z|x) that is best for it"
    ),
    "best_encoder_std": Metric("best q-std", "", "", "found on training data; see the NELBO with it"),
    "drawn_reconstruction": Metric(
        "drawn reconstruction", NATS, "lower", "−log p(x|z) of a draw z from q(z|x): no bound, lacks the KL"
    ),
    "active_bits": Metric("active bits", "bits", "", "bits that tell more than 0.01 nats about x"),
    "gmm_components": Metric("components", "", "", "Gaussians in the mixture that was chosen"),
    "gmm_log_likelihood": Metric(
        "mixture fit", NATS, "higher", "log-density of standardised test codes under the mixture"
    ),
    "gmm_prior_iwae": Metric(
        "IWAE, GMM prior",
        NATS,
        "lower",
        "negative importance-weighted bound with the mixture as prior: not what was trained",
    ),
    "nearest_train": Metric(
        "nearest training example", "data units", "", "distance of samples to their nearest training example"
    ),
    "nearest_train_real": Metric(
        "nearest, of test data", "data units", "", "distance of test examples to their nearest training one"
    ),
    "knn_accuracy": Metric("k-NN accuracy", "share", "higher", "test labels predicted from train latents"),
    "energy_distance": Metric("energy distance", "data units", "lower", "model samples against test data"),
    "energy_distance_null": Metric(
        "real-vs-real null", "data units", "", "the same distance between two real sets"
    ),
    "energy_distance_null_95": Metric(
        "null, 95 %", "data units", "", "what 95 % of the distances between two real sets stay below"
    ),
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
    "x_occupancy": Metric(
        "χ² of x̂", "", "lower", "reconstructions in 10 × 10 cells; 99 in the mean if uniform"
    ),
    "x_occupancy_null_95": Metric("χ² of x̂, null 95 %", "", "", "what 95 % of true uniform sets stay below"),
    "x_sliced": Metric("sliced W1 of x̂", "data units", "lower", "decoded draws against the uniform square"),
    "x_sliced_null_95": Metric(
        "sliced W1 of x̂, null 95 %", "data units", "", "what 95 % of true uniform sets stay below"
    ),
    "x_low": Metric(
        "1 % point of x̂", "data units", "", "of the dimension that starts later; 0.01 if uniform"
    ),
    "x_high": Metric(
        "99 % point of x̂", "data units", "", "of the dimension that ends earlier; 0.99 if uniform"
    ),
    "sample_ks": Metric(
        "KS of samples", "", "lower", "decoded N(0, I) draws against U(0, 1): worst dimension"
    ),
    "sample_occupancy": Metric("χ² of samples", "", "lower", "decoded N(0, I) draws in 10 × 10 cells"),
    "sample_sliced": Metric(
        "sliced W1 of samples", "data units", "lower", "decoded N(0, I) draws against the uniform square"
    ),
    "best_step": Metric("best step", "iterations", "", "the step whose state early stopping kept"),
    "training_seconds": Metric("training time", "s", "lower", "time in training steps, evaluation excluded"),
    "log_px": Metric(
        "mean log p(x)", NATS, "higher", "exact log-likelihood, by 2-d quadrature or enumeration"
    ),
    # evaluations, measured after the end (workbench/spec/estimates.py)
    "ais": Metric("AIS log p(x)", NATS, "higher", "annealed importance sampling: a stochastic lower bound"),
    "ais_effective": Metric(
        "AIS effective chains", "chains", "higher", "effective number of the chains' weights per example"
    ),
    "ais_acceptance": Metric("AIS acceptance", "share", "", "accepted HMC transitions; 0.65 is aimed at"),
    "bdmc_gap": Metric(
        "BDMC gap", NATS, "lower", "upper minus lower bound on log p(x) of samples of the model"
    ),
    "bdmc_lower": Metric("BDMC lower bound", NATS, "", "AIS log p(x) of samples of the model"),
    "bdmc_upper": Metric("BDMC upper bound", NATS, "", "reverse AIS log p(x) of samples of the model"),
    "log_z": Metric("log Z of the prior", "nats", "", "by quadrature in 1-d and 2-d, else by AIS"),
    "iwae": Metric("IWAE log p(x)", NATS, "higher", "importance-weighted lower bound on test data"),
    "quadrature": Metric("log p(x)", NATS, "higher", "exact log-likelihood of test data by quadrature"),
    "probe": Metric("probe accuracy", "share", "higher", "test labels by logistic regression on latents"),
    "probe_cross_entropy": Metric(
        "probe cross-entropy", NATS, "lower", "of the logistic regression, on test data"
    ),
    "probe_knn": Metric("probe k-NN accuracy", "share", "higher", "test labels by a vote of near latents"),
    "rhat": Metric("R-hat", "", "lower", "worst rank-normalised split R-hat of HMC chains on p(z|x)"),
    "ess_bulk": Metric("bulk ESS", "draws", "higher", "least effective number of draws for the centre"),
    "ess_tail": Metric("tail ESS", "draws", "higher", "least effective number of draws for the tails"),
    "mcse": Metric("MCSE", "posterior std", "lower", "largest Monte Carlo standard error of a mean"),
    "hmc_acceptance": Metric("HMC acceptance", "share", "", "accepted transitions; 0.65 is aimed at"),
    "sample_energy": Metric("energy distance, later", "data units", "lower", "samples against test data"),
    "sample_energy_null": Metric("energy null", "data units", "", "the same between two real sets"),
    "sample_energy_null_95": Metric("energy null, 95 %", "data units", "", "95 % of its draws are below"),
    "mmd": Metric("MMD²", "", "lower", "unbiased squared MMD of model samples and test data"),
    "mmd_null": Metric("MMD² null", "", "", "the same between two real sets"),
    "mmd_null_95": Metric("MMD² null, 95 %", "", "", "95 % of its draws are below"),
    "sliced_w2": Metric("sliced W2", "data units", "lower", "model samples against test data"),
    "sliced_w2_null": Metric("sliced W2 null", "data units", "", "the same between two real sets"),
    "sliced_w2_null_95": Metric("sliced W2 null, 95 %", "data units", "", "95 % of its draws are below"),
    "frechet_pca50": Metric(
        "Fréchet (PCA-50)", "data units²", "lower", "in 50 principal components of training data; not an FID"
    ),
    "frechet_pca50_null": Metric("Fréchet (PCA-50) null", "data units²", "", "between two real sets"),
    "frechet_pca50_null_95": Metric(
        "Fréchet (PCA-50) null, 95 %", "data units²", "", "95 % of its draws are below"
    ),
    "frechet_pixels": Metric(
        "Fréchet (pixels)", "data units²", "lower", "in the data's own space; not an FID"
    ),
    "frechet_pixels_null": Metric("Fréchet (pixels) null", "data units²", "", "between two real sets"),
    "frechet_pixels_null_95": Metric(
        "Fréchet (pixels) null, 95 %", "data units²", "", "95 % of its draws are below"
    ),
    "pca_explained": Metric("variance in 2 PCs", "share", "", "of the latents' variance"),
    "tsne_kl": Metric("t-SNE KL", "nats", "", "what the embedding could not show"),
    "test_accuracy": Metric("test accuracy", "share", "higher", "test examples whose label is found"),
    "test_nll": Metric("test NLL of the label", NATS, "lower", "−log softmax of the right label"),
}


def attack_metric(attack: str, what: str, eps: float) -> str:
    """Return the name of what (accuracy or nll) is measured under an attack of size ε: fgsm_accuracy_eps010.

    Under the attack "clean", ε = 0, the same pictures are left as they are.
    """
    return f"{attack}_{what}" + (f"_eps{round(100 * eps):03d}" if eps > 0 else "")


def _attack_metrics() -> dict[str, Metric]:
    """Return the metrics of all attacks and sizes, named by `attack_metric`."""
    found = {
        "clean_accuracy": Metric("clean accuracy", "share", "higher", "of the attacked pictures, untouched"),
        "clean_nll": Metric("clean NLL", NATS, "lower", "of the attacked pictures, untouched"),
    }
    for attack, told in (("fgsm", "one signed step of ε"), ("pgd", "many small signed steps within ε")):
        for eps in EPSILONS:
            name, under = f"{attack.upper()} {{}}, ε {eps:g}", f"of test pictures attacked by {told}"
            found[attack_metric(attack, "accuracy", eps)] = Metric(
                name.format("accuracy"), "share", "higher", under
            )
            found[attack_metric(attack, "nll", eps)] = Metric(name.format("NLL"), NATS, "lower", under)
    return found


METRICS.update(_attack_metrics())


def _gradient_metrics() -> dict[str, Metric]:
    """Return the metrics of `gradient-variance`, per objective and net."""
    found = {}
    told = {
        "variance": ("variance", "lower", "over repetitions at fixed weights, mean over weights"),
        "chain": ("variance by chains", "lower", "same batch, new chains"),
        "data": ("variance by data", "lower", "between batches; a difference, may be negative"),
        "normalised": ("variance / E[g²]", "lower", "1 is a gradient that is nothing but noise"),
        "cosine": ("cosine with vanilla", "", "of the mean gradients: below 1 by noise or by bias"),
    }
    for objective in ("vanilla", "power", "ti_full"):
        named = "power (biased)" if objective == "power" else objective.replace("_", "-")
        for net, letter in (("generator", "g"), ("prior", "f")):
            for part, (label, better, about) in told.items():
                found[f"gradient_{objective}_{net}_{part}"] = Metric(
                    f"{named} ∇{letter}: {label}", "", "lower" if better else "", about
                )
    return found


METRICS.update(_gradient_metrics())


def metric(name: str) -> Metric:
    """Return the metric of that name; an unknown one (a plug-in's) shows under its own name."""
    return METRICS.get(name, Metric(name, "", "", ""))
