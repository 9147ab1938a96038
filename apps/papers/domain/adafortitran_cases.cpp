#include "apps/papers/domain/adafortitran_cases.h"

#include "autograd/grad.h"
#include "autograd/ops/elementwise.h"
#include "autograd/ops/nn_ops.h"
#include "data/signals/tdl_channel.h"
#include "nn/signals/adafortitran.h"

namespace gradus {
namespace adafortitran_cases {

CaseFunction patches() {
  return case_function<PatchOptions>({"patch-tokens",
                                      "a grid as tokens, and tokens folded to a grid",
                                      {{"grid", "B,S,M"}, {"tokens", "B,n,patch_height*patch_width"}},
                                      {{"tokens", "B,n,patch_height*patch_width"}, {"folded", "B,S,M"}}},
                                     [](const PatchOptions& o, const CaseValues& in, CaseValues& out) {
                                       const Tensor& grid = in.tensor("grid");
                                       out.set("tokens", patch_tokens(grid, o));
                                       out.set("folded",
                                               fold_tokens(in.tensor("tokens"), grid.dim(1), grid.dim(2), o));
                                     });
}

std::vector<CaseSlot> adapter_slots(bool optional) {
  const std::string for_adapter = optional ? "with use_adapter" : "";
  std::vector<CaseSlot> slots = {{"conditions", "B,3"}, {"ad_w1", "3,h1,1"}, {"ad_b1", "3,h1"},
                                 {"ad_w2", "3,h2,h1"},  {"ad_b2", "3,h2"},   {"ad_w3", "3,h3,h2"},
                                 {"ad_b3", "3,h3"}};
  for (CaseSlot& s : slots) {
    if (!optional && s.name.starts_with("ad_")) s.name = s.name.substr(3);
    s.help = for_adapter;
    s.optional = optional;
  }
  return slots;
}

ChannelAdapter adapter_of(const CaseValues& in, const std::string& prefix) {
  ChannelAdapter adapter;
  for (size_t i = 0; i < 3; ++i) {
    adapter.w[i] = in.tensor(prefix + "w" + std::to_string(i + 1));
    adapter.b[i] = in.tensor(prefix + "b" + std::to_string(i + 1));
  }
  return adapter;
}

CaseFunction adapter() {
  return case_function<NoOptions>({"channel-adapter",
                                   "SNR, delay spread and Doppler as a code for each token",
                                   adapter_slots(false),
                                   {{"tokens", "B,n,6", CaseType::kReal, "n = h3/2"}}},
                                  [](const NoOptions&, const CaseValues& in, CaseValues& out) {
                                    out.set("tokens",
                                            adapter_tokens(adapter_of(in, ""), in.tensor("conditions")));
                                  });
}

std::vector<CaseSlot> network_slots() {
  std::vector<CaseSlot> slots = {{"pilots_real", "B,ps,pm"}, {"pilots_imag", "B,ps,pm"},
                                 {"target_real", "B,S,M"},   {"target_imag", "B,S,M"},
                                 {"up_w", "S*M,ps*pm"},      {"up_b", "S*M"}};
  for (const std::string conv : {"conv1", "conv2"}) {
    const std::string c = conv == "conv1" ? "c" : "e";
    const std::string widths[] = {"1", c + "1", c + "2", c + "3", "1"};
    for (size_t i = 0; i < 4; ++i) {
      slots.push_back({conv + "_w" + std::to_string(i), widths[i + 1] + "," + widths[i] + ",3,3"});
      slots.push_back({conv + "_b" + std::to_string(i), widths[i + 1]});
    }
  }
  for (const CaseSlot& s : std::vector<CaseSlot>{{"in_w", "d,t"},
                                                 {"in_b", "d"},
                                                 {"positions", "n,d"},
                                                 {"attn_in_w", "3*d,d"},
                                                 {"attn_in_b", "3*d"},
                                                 {"attn_out_w", "d,d"},
                                                 {"attn_out_b", "d"},
                                                 {"ln1_w", "d"},
                                                 {"ln1_b", "d"},
                                                 {"ln2_w", "d"},
                                                 {"ln2_b", "d"},
                                                 {"ff1_w", "f,d"},
                                                 {"ff1_b", "f"},
                                                 {"ff2_w", "d,f"},
                                                 {"ff2_b", "d"},
                                                 {"out_w", "patch_height*patch_width,d"},
                                                 {"out_b", "patch_height*patch_width"}})
    slots.push_back(s);
  for (const CaseSlot& s : adapter_slots(true)) slots.push_back(s);
  return slots;
}

FortitranWeights weights_of(const CaseValues& in, bool use_adapter) {
  FortitranWeights w;
  w.up_w = in.tensor("up_w"), w.up_b = in.tensor("up_b");
  for (int i = 0; i < 4; ++i) {
    const std::string k = std::to_string(i);
    w.conv1_w.push_back(in.tensor("conv1_w" + k)), w.conv1_b.push_back(in.tensor("conv1_b" + k));
    w.conv2_w.push_back(in.tensor("conv2_w" + k)), w.conv2_b.push_back(in.tensor("conv2_b" + k));
  }
  if (use_adapter) w.adapter = adapter_of(in, "ad_");
  w.in_w = in.tensor("in_w"), w.in_b = in.tensor("in_b"), w.positions = in.tensor("positions");
  w.layers = {{in.tensor("attn_in_w"), in.tensor("attn_in_b"), in.tensor("attn_out_w"),
               in.tensor("attn_out_b"), in.tensor("ln1_w"), in.tensor("ln1_b"), in.tensor("ln2_w"),
               in.tensor("ln2_b"), in.tensor("ff1_w"), in.tensor("ff1_b"), in.tensor("ff2_w"),
               in.tensor("ff2_b")}};
  w.out_w = in.tensor("out_w"), w.out_b = in.tensor("out_b");
  return w;
}

CaseFunction forward() {
  return case_function<FortitranOptions>(
      {"adafortitran-forward",
       "the channel's grid out of its pilots, the loss against the target, its gradient by up_w",
       network_slots(),
       {{"real", "B,S,M"}, {"imag", "B,S,M"}, {"loss", ""}, {"channel_mse", ""}, {"grad_up_w", "S*M,ps*pm"}}},
      [](const FortitranOptions& o, const CaseValues& in, CaseValues& out) {
        FortitranWeights w = weights_of(in, o.use_adapter);
        const Tensor conditions = o.use_adapter ? in.tensor("conditions") : Tensor();
        const Tensor& target = in.tensor("target_real");
        w.up_w = variable(w.up_w);
        const auto part = [&](const char* pilots) {
          return fortitran(w, in.tensor(pilots), conditions, target.dim(1), target.dim(2), o);
        };
        const Tensor re = part("pilots_real"), im = part("pilots_imag");
        const Tensor loss =
            (mse_loss(re, target) + mse_loss(im, in.tensor("target_imag"))) / static_cast<gradus::real>(2);
        out.set("grad_up_w", grad(loss, {w.up_w})[0]);
        out.set("real", re.detach());
        out.set("imag", im.detach());
        out.set("loss", loss.detach());
        out.set("channel_mse", 2 * static_cast<double>(loss.item()));
      });
}

CaseFunction channel() {
  return case_function<TdlOptions>(
      {"tdl-channel",
       "a channel of delayed, fading taps on the grid of a frame",
       {{"delays", "L"}, {"powers_db", "L"}, {"theta", "L,Q"}, {"phi", "L,Q"}},
       {{"real", "num_subcarriers,num_symbols"}, {"imag", "num_subcarriers,num_symbols"}}},
      [](const TdlOptions& o, const CaseValues& in, CaseValues& out) {
        const ChannelGrid h =
            tdl_channel(in.tensor("delays"), in.tensor("powers_db"), in.tensor("theta"), in.tensor("phi"), o);
        out.set("real", h.re);
        out.set("imag", h.im);
      });
}

}  // namespace adafortitran_cases

std::vector<CaseFunction> adafortitran_functions() {
  using namespace adafortitran_cases;
  return {patches(), adapter(), forward(), channel()};
}

}  // namespace gradus
