import subprocess
import sys

import pytest

from studies.kernels import by_operator, in_equal_calls, kernel_name
from trellis.errors import InputError


def test_the_fastest_reading_of_each_kernel_counts() -> None:
    readings = [
        (("A", "1"), 3.0),
        (("B", "2"), 9.0),
        (("A", "1"), 2.0),
        (("A", "3"), 1.0),
        (("B", "2"), 10.0),
    ]
    assert by_operator(iter(readings)) == {"B": (1, 9.0), "A": (2, 3.0)}
    assert list(by_operator(iter(readings))) == ["B", "A"]


@pytest.mark.parametrize(
    ("signature", "name"),
    [
        ("void cutlass::Kernel2<cutlass_80_tensorop_s1688gemm_128x64_16x6_tn_align4>(Params)", "products"),
        ("nvjet_tst_128x256_64x4_2x1_v_bz_TNT", "products"),
        ("sm90_xmma_gemm_f32f32_tf32f32_f32_tn_n_tilesize128x128x32", "products"),
        (
            "void onnxruntime::cuda::(anonymous namespace)::softmax_forward<4, float>(float*, int)",
            "softmax_forward",
        ),
        ("fmha_cutlassF_f16(AttentionKernel<cutlass::half_t, cutlass::arch::Sm80>::Params)", "attention"),
        (
            "void flash_fwd_kernel<Flash_fwd_kernel_traits<64, 128, cutlass::half_t>>(Flash_fwd_params)",
            "attention",
        ),
        ("cudnn_generated_fort_native_sdpa_sm90_flash_fprop_f16_knob_7", "attention"),
        ("void gemvNSP_kernel<__half, __half, float>(cublasGemvParams)", "products"),
        ("void cublasLt::splitKreduce_kernel<32, 16, int>(cublasSplitKParams<float>)", "products"),
        ("Memcpy DtoD (Device -> Device)", "Memcpy DtoD"),
    ],
)
def test_kernels_of_a_gpu_go_by_their_function(signature: str, name: str) -> None:
    assert kernel_name(signature) == name


@pytest.mark.parametrize(
    ("runtime", "operator"), [("onnxruntime", "Attention"), ("openvino", "FullyConnected")]
)
def test_a_real_file_by_its_real_profiler(make_file, runtime: str, operator: str) -> None:
    if runtime == "openvino":
        pytest.importorskip("openvino", reason="OpenVINO is not installed: pip install openvino")
    command = [
        sys.executable,
        "-m",
        "studies.kernels",
        make_file(),
        "--runtime",
        runtime,
        "--seq",
        "32",
        "--calls",
        "3",
    ]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, env={"COLUMNS": "200"})
    assert done.returncode == 0, done.stderr
    assert operator in done.stdout
    assert "LayerNormalization" in done.stdout or runtime == "openvino"


def test_kernels_of_equal_calls_are_told_apart_by_their_place() -> None:
    kernels = [("a", 1.0), ("b", 2.0), ("a", 3.0), ("a", 0.5), ("b", 4.0), ("a", 6.0)]
    assert by_operator(in_equal_calls(kernels, 2)) == {"a": (2, 3.5), "b": (1, 2.0)}


@pytest.mark.parametrize("number", [0, 1, 3])
def test_kernels_that_do_not_come_out_even_are_refused(number: int) -> None:
    with pytest.raises(InputError, match=f"saw {number} kernels in 2 equal calls"):
        list(in_equal_calls([("a", 1.0)] * number, 2))


def test_calls_that_are_not_alike_are_refused() -> None:
    with pytest.raises(InputError, match="saw 4 kernels in 2 equal calls"):
        list(in_equal_calls([("a", 1.0), ("b", 1.0), ("b", 1.0), ("a", 1.0)], 2))


@pytest.mark.gpu
def test_a_real_file_on_a_gpu(make_file) -> None:
    command = [sys.executable, "-m", "studies.kernels", str(make_file()), "--device", "cuda", "--seq", "32"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "products" in done.stdout


def test_openvino_has_no_gpu_here(make_file) -> None:
    command = [
        sys.executable,
        "-m",
        "studies.kernels",
        make_file(),
        "--device",
        "cuda",
        "--runtime",
        "openvino",
    ]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.splitlines() == ["device is cuda, and openvino runs on cpu here; give device='cpu'."]


def test_what_is_no_file_is_one_sentence() -> None:
    command = [sys.executable, "-m", "studies.kernels", "absent.onnx"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
