"""The words of invented products: brands that do not exist, what they sell, and in which variants."""

from __future__ import annotations

from dataclasses import dataclass

from util.datasets.synthesis.design import Kind


@dataclass(frozen=True, slots=True)
class Product:
    """A kind of goods.

    Attributes:
        name: as on the label.
        variants: what near-identical packs of it differ in; short, for it is printed large.
        claims: what stands on the band of its label; near-identical packs differ in it, too.
        volumes: sizes in print.
        hue: degrees around which its colours lie.
        profiles: outlines of bottles it comes in.
    """

    name: str
    variants: tuple[str, ...]
    claims: tuple[str, ...]
    volumes: tuple[str, ...]
    hue: float
    profiles: tuple[str, ...] = ()


BRANDS = (
    "Alvik", "Norda", "Fjell", "Bruna", "Kestrel", "Oliva", "Tarn", "Mirabo", "Juno", "Solis", "Vester", "Plume",
    "Harrow", "Lumi", "Calder", "Rosto", "Ember", "Quill", "Sanna", "Orvo", "Tilia", "Marlow", "Pinta", "Zephyr",
)  # fmt: skip

LINES = ("since 1924", "since 1956", "family owned", "small batch", "well made")
_FAT = ("0.1%", "0.5%", "1.5%", "3%", "3.5%", "4.2%")
_TASTE = ("MILD", "LIGHT", "EXTRA", "ZERO", "PURE")
_DRINK = ("NO SUGAR", "ORGANIC", "VITAMIN C", "STILL")
_DAIRY = ("ORGANIC", "LACTOSE FREE", "FRESH", "PROTEIN")

PRODUCTS: dict[Kind, tuple[Product, ...]] = {
    "bottle": (
        Product(
            "Shampoo",
            ("DRY", "FINE", "COLOR", "REPAIR", "DAILY"),
            ("VEGAN", "NO DYE", "SENSITIVE", "ORGANIC"),
            ("250 ml", "300 ml"),
            200,
            ("flask", "tower"),
        ),
        Product("Apple Juice", _TASTE, _DRINK, ("330 ml", "750 ml"), 95, ("juice", "tower")),
        Product("Milk", _FAT, _DAIRY, ("500 ml", "1 liter"), 210, ("milk", "juice")),
        Product(
            "Olive Oil",
            ("MILD", "RICH", "EXTRA", "BASIL", "LEMON"),
            ("ORGANIC", "COLD PRESSED", "UNFILTERED", "NEW CROP"),
            ("500 ml",),
            75,
            ("tower", "juice"),
        ),
        Product(
            "Tomato Sauce",
            ("MILD", "HOT", "BASIL", "CHILI", "GARLIC"),
            ("ORGANIC", "NO SUGAR", "VEGAN", "LOW SALT"),
            ("350 g", "420 g"),
            8,
            ("jar", "milk"),
        ),
        Product(
            "Honey",
            ("CLOVER", "FOREST", "LIME", "HEATH", "ACACIA"),
            ("ORGANIC", "RAW", "CREAMY", "LOCAL"),
            ("350 g", "500 g"),
            42,
            ("jar",),
        ),
        Product("Cola", ("ZERO", "LIGHT", "CHERRY", "LEMON", "MAX"), _DRINK, ("330 ml",), 355, ("can", "juice")),
    ),
    "carton": (
        Product("Milk", _FAT, _DAIRY, ("1 liter", "1.5 liter"), 215),
        Product(
            "Oat Drink",
            ("0.5%", "1.5%", "3%", "BARISTA", "CACAO"),
            ("ORGANIC", "GLUTEN FREE", "NO SUGAR", "CALCIUM"),
            ("1 liter",),
            35,
        ),
        Product("Yoghurt", ("0.5%", "2%", "3%", "10%", "MILD"), _DAIRY, ("1000 g",), 150),
        Product("Orange Juice", ("PULP", "NO PULP", "MILD", "BLOOD", "C+D"), _DRINK, ("1 liter", "1.75 liter"), 28),
        Product("Cream", ("15%", "27%", "36%", "40%", "SOUR"), _DAIRY, ("500 ml",), 330),
    ),
    "box": (
        Product(
            "Black Tea",
            ("No 1", "No 4", "No 7", "No 11", "No 14"),
            ("ORGANIC", "FAIR TRADE", "DECAF", "LOOSE LEAF"),
            ("25 bags", "20 bags"),
            20,
        ),
        Product(
            "Pasta",
            ("No 3", "No 5", "No 8", "No 9", "No 12"),
            ("WHOLE GRAIN", "ORGANIC", "WITH EGG", "SPELT"),
            ("500 g", "400 g"),
            225,
        ),
        Product(
            "Crunchy Oats",
            ("NUTS", "HONEY", "CACAO", "PLAIN", "APPLE"),
            ("NO SUGAR", "ORGANIC", "GLUTEN FREE", "PROTEIN"),
            ("450 g", "375 g"),
            45,
        ),
        Product(
            "Pain Relief",
            ("200 mg", "250 mg", "400 mg", "500 mg", "600 mg"),
            ("COATED", "FAST", "CAPSULES", "LONG LASTING"),
            ("20 tablets",),
            350,
        ),
        Product(
            "Crackers",
            ("SALT", "RYE", "SEEDS", "CHEESE", "THYME"),
            ("ORGANIC", "WHOLE GRAIN", "LOW SALT", "VEGAN"),
            ("200 g", "250 g"),
            5,
        ),
    ),
}
