"""A small image classifier: what its last hidden layer sees is what the ruler measures with.

Inception's features come from colour photographs and are the wrong ruler for small grey pictures
(pytorch-fid's author advises against them for MNIST: thread 12 there). A classifier trained on the
domain itself has precedents: TF-GAN's ``mnist_frechet_distance`` and arXiv 1803.07474.
"""

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from .acceleration import choose_device
from .data import Images, batch_indices, to_images
from .errors import ConfigError
from .models import ImageShape, check_image_shape

FEATURES = 64
CHUNK = 500  # images a forward pass


class Classifier(nn.Module):
    """Three convolutions with BatchNorm and pooling, a hidden layer of 64, then one logit a class.

    ``forward(images)``: (N, C, S, S) in [-1, 1] → logits (N, classes).
    """

    def __init__(self, image_shape: ImageShape, classes: int, width: int = 32):
        super().__init__()
        self.image_shape = check_image_shape(image_shape)
        if classes < 2:
            raise ConfigError(f"a classifier needs 2 classes or more; got {classes}.")
        channels, size, _ = image_shape
        layers: list[nn.Module] = []
        for outputs in (width, 2 * width, 4 * width):
            layers += [
                nn.Conv2d(channels, outputs, 3, padding=1, bias=False),
                nn.BatchNorm2d(outputs),
                nn.ReLU(),
                nn.MaxPool2d(2),
            ]
            channels, size = outputs, size // 2
        layers += [nn.Flatten(), nn.Linear(channels * size * size, FEATURES)]
        self.body = nn.Sequential(*layers)
        self.head = nn.Sequential(nn.ReLU(), nn.Dropout(0.3), nn.Linear(FEATURES, classes))

    def forward(self, images: Tensor) -> Tensor:
        return self.head(self.body(images))


@torch.no_grad()
def features_and_logits(classifier: Classifier, images: Tensor) -> tuple[Tensor, Tensor]:
    """What the classifier sees and says.

    Args:
        images: (N, C, S, S) floats in [-1, 1], or uint8.

    Returns:
        Features (N, 64) before the last ReLU, so that they are signed and roughly bell-shaped, and
        logits (N, classes); float32 on the CPU.

    Raises:
        ConfigError: if the images are not of the classifier's shape.
    """
    if images.dim() != 4 or tuple(images.shape[1:]) != classifier.image_shape or not len(images):
        raise ConfigError(
            f"this ruler measures images of {classifier.image_shape}; got {tuple(images.shape)}. "
            "Resize them, or train a ruler for their data set: python -m gan_course ruler --help"
        )
    classifier.eval()
    device = next(classifier.parameters()).device
    parts = []
    for chunk in images.split(CHUNK):
        chunk = to_images(chunk) if chunk.dtype == torch.uint8 else chunk
        features = classifier.body(chunk.to(device))
        parts.append((features.cpu(), classifier.head(features).cpu()))
    features, logits = (torch.cat(part) for part in zip(*parts, strict=True))
    return features, logits


def accuracy(classifier: Classifier, images: Images) -> float:
    """The share of images whose class is found, in 0…1."""
    _, logits = features_and_logits(classifier, images.pixels)
    return float((logits.argmax(1) == images.labels.cpu()).double().mean())


def train_classifier(
    images: Images,
    *,
    epochs: int = 8,
    batch_size: int = 128,
    learning_rate: float = 3e-3,
    seed: int = 0,
    device: str | None = None,
    progress: bool = True,
) -> Classifier:
    """Train a classifier: AdamW under a one-cycle schedule, labels smoothed by 0.1.

    Smoothed labels keep the features of a class from being driven ever further apart, which would
    let few confident images rule a distance.

    Args:
        images: with labels of at least two classes.

    Raises:
        ConfigError: if there are no two classes, or fewer images than one batch.
    """
    if epochs < 1:
        raise ConfigError(f"epochs must be 1 or greater; got {epochs}.")
    chosen = choose_device(device)
    shape, classes = tuple(images.pixels.shape[1:]), len(images.classes)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        classifier = Classifier(shape, classes).to(chosen).train()
        optimizer = torch.optim.AdamW(classifier.parameters(), weight_decay=0.02)
        steps = epochs * (len(images) // batch_size)
        batch_indices(len(images), batch_size, seed, 0)  # refuse too few images now
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, learning_rate, steps)
        for step in range(steps):
            index = batch_indices(len(images), batch_size, seed, step).to(images.pixels.device)
            logits = classifier(to_images(images.pixels[index]).to(chosen))
            labels = images.labels[index].to(chosen)
            loss = cross_entropy(logits, labels, label_smoothing=0.1)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            if progress and (step + 1) % (steps // epochs) == 0:
                print(f"epoch {(step + 1) * epochs // steps} of {epochs}, loss {loss.item():.3f}")
    return classifier.cpu().eval().requires_grad_(False)
