"""Right answers of unusual form: each must get full marks, or the grader punishes what it should not."""

from attacks import STEP, TRUE

PLAIN = STEP + f"return {TRUE}, None\n"

ANSWERS = {
    "plain": PLAIN,
    "a named tuple": "Both = __import__('collections').namedtuple('Both', 'h cache')\n"
    + STEP
    + f"return Both({TRUE}, None)\n",
    "backwards in memory": STEP + f"return ({TRUE})[::-1].copy()[::-1], None\n",
    "read-only": STEP + f"right = {TRUE}\n    right.flags.writeable = False\n    return right, None\n",
    "prints": "_ = print('hello' * 10**6)\n" + STEP + f"print(x, '0' * 10**6)\n    return {TRUE}, None\n",
    "a lambda": f"rnn_step = lambda x, h, weight_ih, weight_hh, bias: ({TRUE}, None)\n",
    "an object": "class Step:\n    def __call__(self, x, h, weight_ih, weight_hh, bias):\n"
    f"        return {TRUE}, self\nrnn_step = Step()\n",
    "a cache that is no data": STEP + f"return {TRUE}, (lambda: x, object(), {{1: h}}, iter([]))\n",
    "a cache that holds itself": STEP + f"cache = []\n    cache.append(cache)\n    return {TRUE}, cache\n",
    "a cache of many numbers": STEP + f"return {TRUE}, list(range(100_000))\n",
    "a cache of many arrays": STEP + f"return {TRUE}, [(x, h, weight_ih, weight_hh) for _ in range(300)]\n",
    "a memory of earlier calls": "_known = {}\n"
    + STEP
    + f"key = x.tobytes() + h.tobytes() + bias.tobytes()\n    _known[key] = {TRUE}\n"
    "    return _known[key], None\n",
    "threads": "_found = []\n"
    + STEP
    + f"thread = __import__('threading').Thread(target=lambda: _found.append({TRUE}))\n"
    "    thread.start()\n    thread.join()\n    return _found.pop(), None\n",
    "a file in /tmp": STEP
    + f"np.save('/tmp/a.npy', {TRUE})\n    right = np.load('/tmp/a.npy')\n    os.unlink('/tmp/a.npy')\n"
    "    return right, None\n",
    "its own tanh": f"_tanh = np.tanh\nnp.tanh = lambda a: _tanh(a)\n{PLAIN}",
    "calls, plots and magics around it": f"%matplotlib inline\n!pip install torch\nprint(rnn_step)\n{PLAIN}"
    "rnn_step(1, 2)\nassert False\nraise SystemExit\n%timeit 1\n",
    "other line ends": PLAIN.replace("\n", "\r\n"),
    "half a surrogate pair in a comment": "# \ud83d\n" + PLAIN,
    "closes what is printed to": "_ = os.close(1), os.close(2)\n" + PLAIN,
    "leaves a thread behind": "_ = __import__('threading').Thread(target=time.sleep, args=(60,)).start()\n"
    + PLAIN,
}
