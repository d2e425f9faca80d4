"""The realism report's prose: what each family shows, how verdicts are given, and what a day does not say."""

from __future__ import annotations

from fixsim.realism import activity, book, depth, facts, impact, response, timing

LEADS = {
    book.FAMILY: (
        "What stands in the book after every event. Steps are shares of events; the outer bins hold all"
        " that lies beyond the tape's 0.1 and 99.9 % quantiles."
    ),
    timing.FAMILY: ("How fast things happen, from microseconds to minutes, and how long orders live."),
    depth.FAMILY: ("Where orders are placed and withdrawn, from the best price of their own side."),
    activity.FAMILY: ("What trades, and how the mid moves with the flow at the touch."),
    response.FAMILY: (
        "The mean change of the mid after one order at the touch, signed so that up is the direction in"
        " which it presses (Eisler, Bouchaud and Kockelkoren). Index 0: the order left the mid where it"
        " was; 1: it moved it. Bands are 95 %."
    ),
    impact.FAMILY: (
        "A tape does not say which trades are one metaorder. Across markets, the return of a window"
        " against its net traded volume is compared: a proxy, and concave for other reasons too. In the"
        " generated market metaorders can be sent, and their real impact and its decay are measured"
        " against the same seeds without them."
    ),
    facts.FAMILY: (
        "Cont's stylised facts, as far as one day shows them, and the long memory of order signs."
    ),
}
"""A sentence or two under each family's heading, in the order of the page."""

SHAPES = (
    (
        "returns",
        "Autocorrelation of returns",
        "No autocorrelation but at the shortest lags.",
    ),
    (
        "volatility",
        "Volatility clustering",
        "Absolute returns stay correlated over minutes.",
    ),
    (
        "tail",
        "Heavy tails",
        "Returns beyond a number of deviations; the dashed line is the normal distribution.",
    ),
    (
        "signature",
        "Signature",
        "Flat for a random walk; falling where moves are undone.",
    ),
    (
        "signs",
        "Memory of order signs",
        "Buys follow buys: slow decay where large orders are worked.",
    ),
)
"""Keys of Study.shapes, with their captions."""

CAUTION = (
    "One recording of one instrument: a pass says that this day does not tell the two apart, not that a"
    " market would. Stationary models are compared with a day that is not."
)

METHOD = (
    (
        "Distributions and curves",
        "pass if the distance from the tape is at most the 95 % quantile of the distances between random"
        " halves of the tape's own blocks. For distributions the distance is L1: half the sum of absolute"
        " differences of histograms, 0 the same, 1 nothing in common. W1 beside it is Wasserstein-1 in"
        " standard deviations of the tape. Bins are the tape's (Freedman and Diaconis, or whole ticks)."
        " After LOB-Bench (arXiv 2502.09172), which pools both samples for bins and deviations; here the"
        " tape's are used, so that every distance is read on one ruler.",
    ),
    (
        "Numbers",
        "pass if the 95 % interval of the difference, generated less tape, contains zero. A stylised fact"
        " passes if, besides, both intervals exclude the value of no effect, on one side; if one of them"
        " does not, it is left open.",
    ),
    (
        "Metaorders",
        "pass if the estimate lies in the range that the literature gives (exponent 0.4 to 0.7, share of"
        " the peak left 0.3 to 1) and its interval is at most twice as wide; open if the interval is wider,"
        " or alone reaches the range.",
    ),
    (
        "Not measurable",
        "in the generated market, though it is on the tape: fails.",
    ),
    (
        "Intervals",
        "block bootstrap: {blocks} blocks of equal time, {draws} draws, 95 %. Distances' intervals are"
        " mirrored at the estimate, since resampling adds to a distance.",
    ),
    (
        "What one day does not say",
        "the decay of volatility's memory over days, the Taylor effect, asymmetry between coarse and fine"
        " volatility, tails after a fitted volatility model; gain-loss asymmetry and leverage are mostly"
        " noise.",
    ),
    (
        "Sources",
        "LOB-Bench: Nagy et al. 2025. Order flow imbalance: Cont, Kukanov, Stoikov 2014. Response:"
        " Eisler, Bouchaud, Kockelkoren 2012. Stylised facts: Cont 2001. Order signs: Lillo, Farmer 2004."
        " Impact: Almgren et al. 2005; Tóth et al. 2011; Zarinelli et al. 2015; Bucci et al. 2018;"
        " Patzelt, Bouchaud 2018. Tails: Hill 1975; L-moments: Hosking 1990.",
    ),
)
"""Formatted with blocks and draws."""
