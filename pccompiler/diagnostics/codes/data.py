"""PC50x and PC51x: data, and how it meets the network."""

from __future__ import annotations

from pccompiler.diagnostics.codes.code import Code, whole

DIGITS = (
    "nodes:\n  image: {shape: [64], role: input}\n  label: {shape: [10], role: output}\n"
    "edges:\n  - {path: image -> label}\n"
)
"""Nodes for the digits of scikit-learn."""

DATA_CODES: tuple[Code, ...] = (
    Code(
        "PC501",
        "a data file is missing",
        "The source was looked for in the folders that the message lists, in that order, or its "
        "package is not installed. Folders come from `data.root`, or else from the variable "
        "PCC_DATA (itself, or a subfolder named like the source).",
        why="Nothing is downloaded behind your back; the help says how to get the file, and "
        "`pcc data list` says what is there.",
        wrong=whole(DIGITS + "data: {source: {npz: nowhere.npz}}"),
        right=whole(DIGITS + "data: {source: digits}"),
    ),
    Code(
        "PC502",
        "a data file is damaged",
        "The file ends early, its compressed content does not match its own checksum, its header "
        "cannot be read or promises more numbers than follow, or it is of another format than its "
        "name says. It was probably cut off while it was downloaded or copied, or edited.",
        why="Half a file would train on less than was meant, so nothing of it is used.",
        wrong="data: {source: mnist, root: half/}       # 3 of 10 MB of the images arrived",
        right="data: {source: mnist, root: mnist/}      # files that `gzip -t` accepts",
    ),
    Code(
        "PC503",
        "a data file is not what its name promises",
        "Magic number, shape, size or checksum differ from those of the format or the data set, "
        "or two files that belong together differ in their number of samples.",
        why="Several data sets have files of the same names and shapes; scores on the wrong one "
        "would go unnoticed.",
        wrong="data: {source: mnist, root: kuzushiji/}      # files of another data set",
        right="data: {source: {idx: kuzushiji/}}            # any data in IDX format",
    ),
    Code(
        "PC504",
        "a label is out of range",
        "Class labels are integers from 0 to the number of classes minus one. The message "
        "names the first sample that breaks this.",
        why="A class becomes the unit of that number; there is no unit for others.",
        wrong="data: {source: {npz: {path: a.npz, classes: 10}}}     # its labels are 1 to 10",
        right="data: {source: {npz: {path: a.npz, classes: 11}}}     # or renumber them from 0",
    ),
    Code(
        "PC505",
        "an array of an .npz file cannot be used",
        "The array is missing or empty, has no axis of samples, holds something other than finite "
        "numbers, is a table of named columns, or holds pickled Python objects.",
        why="A single NaN spreads to every parameter, and loading pickled objects can run code.",
        wrong="data: {source: {npz: a.npz}}                          # its arrays are not x and y",
        right="data: {source: {npz: {path: a.npz, features: images, target: labels}}}",
    ),
    Code(
        "PC506",
        "the spec names no data",
        "Training and evaluation need a `data` section. A spec without one can be checked, "
        "shown and compiled.",
        why="There is nothing to learn from.",
        wrong=whole(DIGITS),
        right=whole(DIGITS + "data: {source: digits}"),
    ),
    Code(
        "PC507",
        "a data file cannot be read",
        "The file, or a folder on the way to it, may not be read by you, its disk does not answer, "
        "or its arrays would take more memory than the machine has, as their headers say before "
        "anything is unpacked. Nothing says that the file itself is bad.",
        why="Another file of that name, further down the list of folders, could be meant for "
        "something else, so it is not taken instead.",
        wrong="data: {source: {npz: /root/points.npz}}      # for root alone",
        right="data: {source: {npz: points.npz}}",
    ),
    Code(
        "PC510",
        "data and nodes are not bound",
        "Every input and output node takes one field of the data. By default a single input "
        "gets the features and a single output the target; otherwise `data.bind` says which "
        "field goes to which node.",
        why="A node without data would have nothing to be held at.",
        wrong=whole(DIGITS + "data: {source: digits, bind: {pixels: image}}"),
        right=whole(DIGITS + "data: {source: digits, bind: {image: image, label: label}}"),
    ),
    Code(
        "PC511",
        "a field does not fit its node",
        "A field's sample must have as many numbers as the node has units; classes are one-hot, "
        "so a node bound to 10 classes has 10 units.",
        why="Each number is held at one unit.",
        wrong=whole(DIGITS.replace("[10]", "[8]") + "data: {source: digits}"),
        right=whole(DIGITS + "data: {source: digits}"),
    ),
    Code(
        "PC512",
        "too few samples",
        "The training split, which remains after validation and test, needs at least "
        "`batch_size` samples; a split that is asked for needs some.",
        why="Every training batch is full, so that all of them are one compiled program.",
        wrong=whole(DIGITS + "data: {source: digits, batch_size: 64, train_samples: 50}"),
        right=whole(DIGITS + "data: {source: digits, batch_size: 50, train_samples: 50}"),
    ),
    Code(
        "PC513",
        "the monitored metric does not exist in this run",
        "Early stopping and the best checkpoint need a validation split, and `accuracy` needs "
        "targets that are classes.",
        why="Without a metric nothing says when to stop.",
        wrong=whole(
            DIGITS + "data: {source: digits, validation: 0}\ntraining: {early_stop: {patience: 5}}"
        ),
        right=whole(
            DIGITS
            + "data: {source: digits, validation: 0.1}\ntraining: {early_stop: {patience: 5}}"
        ),
    ),
    Code(
        "PC514",
        "no sample is of class 0 (warning)",
        "Classes count from 0, and the labels of this data have no 0 among them. They may count "
        "from 1; training goes on all the same.",
        why="The first unit of the output would learn that it is never right, and predictions "
        "would be numbered otherwise than you expect.",
        wrong="numpy.savez(path, x=x, y=labels)             # labels 1 to 3, an output of 4 units",
        right="numpy.savez(path, x=x, y=labels - 1)         # and an output of 3",
    ),
    Code(
        "PC515",
        "targets are far from standard units (warning)",
        "Numbers to be predicted are given to the network as they are. Their mean or deviation in "
        "the training split is beyond 10, or their deviation below 0.01.",
        why="Parameters begin at a size that suits numbers around 0 with a deviation of 1. With "
        "others the loss is dominated by an offset, and the learning rates do not suit.",
        wrong="numpy.savez(path, x=x, y=price)              # around 200000",
        right="numpy.savez(path, x=x, y=(price - price.mean()) / price.std())",
    ),
    Code(
        "PC516",
        "a feature keeps little of its differences (warning)",
        "Networks compute in float32, which tells numbers apart by about 1e-7 of their size. A "
        "column of features differs by hardly more than that, or by less than float32 can hold, as "
        "its node takes it.",
        why="What distinguishes the samples is rounded away. `data.standardize: per_feature` "
        "subtracts the mean of each column in float64, before that happens.",
        wrong="data: {source: {npz: a.npz}, standardize: none}     # milliseconds since 1970",
        right="data: {source: {npz: a.npz}}",
    ),
    Code(
        "PC517",
        "data is not finite in the precision of the program",
        "Numbers of the data are beyond 3.4e38, where float32 ends. The message names the first "
        "sample and column, both counted from 0.",
        why="An infinite number makes every output that depends on it NaN.",
        wrong="numpy.savez(path, x=distance_in_nanometres, y=y)     # 1e39",
        right="numpy.savez(path, x=distance_in_light_years, y=y)",
    ),
    Code(
        "PC518",
        "a likelihood is held at numbers that are no probabilities",
        "`bernoulli` wants data from 0 to 1, `categorical` and `cross_entropy` want rows that sum "
        "to 1, such as classes. Standardised data has a mean of 0, so it is neither.",
        why="At other data these energies are not bounded below: training would only lower them "
        "for ever.",
        wrong=whole(
            DIGITS.replace("role: input", "role: output, energy: bernoulli")
            .replace("[10], role: output", "[10], role: input")
            .replace("image -> label", "label -> image")
            + "data: {source: digits, bind: {image: image, label: label}}"
        ),
        right=whole(
            DIGITS.replace("role: input", "role: output, energy: bernoulli")
            .replace("[10], role: output", "[10], role: input")
            .replace("image -> label", "label -> image")
            + "data: {source: digits, standardize: none, bind: {image: image, label: label}}"
        ),
    ),
    Code(
        "PC519",
        "a token is outside the vocabulary",
        "An edge `embedding: {indices: true}` reads its node as numbers of tokens: whole numbers "
        "from 0 to `vocabulary` minus one. They are never standardised.",
        why="There is no row of the table for other numbers.",
        wrong="op: {embedding: {indices: true, vocabulary: 100}}      # of data that has a 100",
        right="op: {embedding: {indices: true, vocabulary: 101}}",
    ),
    Code(
        "PC535",
        "a split lacks a class (warning)",
        "Of a class there is no sample in the training, the validation or the test split. By "
        "default the splits are stratified, but of a class with fewer samples than splits one has "
        "to go without; classes of which the data has no sample are told too.",
        why="A class that does not train is never predicted, and one that is not tested is missing "
        "from the scores.",
        wrong="numpy.savez(path, x=x, y=y)            # a single sample of class 2",
        right="numpy.savez(path, x=x[y < 2], y=y[y < 2])",
    ),
    Code(
        "PC536",
        "a field of the data goes to no node",
        "Every field of the data should be taken by a node, or left out by name: `data.bind: "
        "{FIELD: null}`. It is an error where a target is left without anything to be predicted "
        "from, else a warning.",
        why="A forgotten `role: input` would train a network that does not see the data.",
        wrong=whole(DIGITS.replace("role: input", "prior: gaussian") + "data: {source: digits}"),
        right=whole(DIGITS + "data: {source: digits}"),
    ),
    Code(
        "PC537",
        "there are no classes to split by",
        "`data.split: stratified` gives each split the same share of every class, so a node has to "
        "take one class for each sample.",
        why="Numbers that are no classes have no shares.",
        wrong=whole(
            DIGITS.replace(
                "  label: {shape: [10], role: output}\n", "  h: {shape: [10]}\n"
            ).replace("image -> label", "h -> image")
            + "data: {source: digits, split: stratified, bind: {image: image, label: null}}"
        ),
        right=whole(DIGITS + "data: {source: digits, split: stratified}"),
    ),
)
