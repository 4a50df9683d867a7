#include "src/report/series_csv.h"

#include <array>
#include <cstdint>
#include <cstdio>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "llmload/core/environment.h"
#include "llmload/report/report_json.h"
#include "src/report/atomic_file.h"

namespace llmload::report {
namespace {

struct CountColumn {
  std::string_view name;
  std::uint64_t SeriesPoint::*count;
};
constexpr std::array<CountColumn, 7> kCountColumns{{
    {"scheduled", &SeriesPoint::scheduled},
    {"sent", &SeriesPoint::sent},
    {"succeeded", &SeriesPoint::succeeded},
    {"failed", &SeriesPoint::failed},
    {"unfinished", &SeriesPoint::unfinished},
    {"dropped", &SeriesPoint::dropped},
    {"token_events", &SeriesPoint::token_events},
}};

struct QuantileColumn {
  std::string_view name;
  double quantile;
};
constexpr std::array<QuantileColumn, 3> kQuantileColumns{
    {{"p50_seconds", 0.50}, {"p95_seconds", 0.95}, {"p99_seconds", 0.99}}};

// Three decimals more than the cells of the series are fine.
std::string SecondsCell(Duration value) {
  std::array<char, 48> text{};
  std::snprintf(
      text.data(), text.size(), "%lld.%06lld",
      static_cast<long long>(value / std::chrono::seconds(1)),
      static_cast<long long>(value % std::chrono::seconds(1) / std::chrono::microseconds(1)));
  return text.data();
}

class SeriesCsvOutput final : public Output {
 public:
  SeriesCsvOutput(std::string where, WrittenFiles files)
      : where_(std::move(where)), files_(std::move(files)) {}

  std::string Deliver(const RunReport& report) override {
    std::string file = where_;
    if (where_.back() == '/') file += RunFileName(report.record.name, report.record.run_id, ".csv");
    std::string failure = WriteFileAtomically(file, SeriesCsv(report.record.metrics.series));
    if (failure.empty()) {
      written_ = file;
      Note(*files_, file);
    }
    return failure;
  }
  std::string File() const override { return written_; }

 private:
  const std::string where_;
  const WrittenFiles files_;
  std::string written_;
};

}  // namespace

std::string SeriesCsv(const TimeSeries& series) {
  std::string out = "time_seconds";
  for (const CountColumn& column : kCountColumns) out.append(",").append(column.name);
  out += ",in_flight";
  for (const QuantileColumn& column : kQuantileColumns) out.append(",").append(column.name);
  out += '\n';
  const std::vector<std::uint64_t> in_flight = series.InFlight();
  for (std::size_t i = 0; i < series.points.size(); ++i) {
    const SeriesPoint& point = series.points[i];
    out +=
        std::to_string(i * static_cast<std::uint64_t>(series.interval / std::chrono::seconds(1)));
    for (const CountColumn& column : kCountColumns) {
      out += ',' + std::to_string(point.*column.count);
    }
    out += ',' + std::to_string(in_flight[i]);
    for (const QuantileColumn& column : kQuantileColumns) {
      out += ',';
      if (const auto value = point.LatencyQuantile(column.quantile)) out += SecondsCell(*value);
    }
    out += '\n';
  }
  return out;
}

std::unique_ptr<Output> OpenSeriesCsv(const OutputSpec& spec, WrittenFiles written) {
  if (spec.where.empty() || spec.where == "-") {
    throw ConfigurationError::Invalid("output " + spec.kind, spec.where,
                                      "a file, or a folder that ends in '/'");
  }
  return std::make_unique<SeriesCsvOutput>(spec.where, std::move(written));
}

}  // namespace llmload::report
