Attribute VB_Name = "AutoXeroRibbon"
Option Explicit

' What the ribbon calls: for each control one Sub, with one line of work and an error handler.

Private ribbonUi As Object

Public Sub OnLoadRibbon(ribbon As IRibbonUI)
    On Error GoTo Failed
    Set ribbonUi = ribbon
    Exit Sub
Failed:
    TellFailure Err.Description
End Sub

' Lets the controls ask anew for what they show. Excel loses the ribbon when a macro is stopped; then they wait.
Public Sub RedrawRibbon()
    On Error GoTo Failed
    If Not ribbonUi Is Nothing Then ribbonUi.Invalidate
    Exit Sub
Failed:
    Set ribbonUi = Nothing
End Sub

Public Sub OnGoToDashboard(control As IRibbonControl)
    On Error GoTo Failed
    GoToSheet "Dashboard"
    Exit Sub
Failed:
    TellFailure Err.Description
End Sub

Public Sub OnGoToFaults(control As IRibbonControl)
    On Error GoTo Failed
    GoToSheet "Faults"
    Exit Sub
Failed:
    TellFailure Err.Description
End Sub

Public Sub OnGoToMappings(control As IRibbonControl)
    On Error GoTo Failed
    GoToSheet "Mappings"
    Exit Sub
Failed:
    TellFailure Err.Description
End Sub

Public Sub OnGoToLog(control As IRibbonControl)
    On Error GoTo Failed
    GoToSheet "Log"
    Exit Sub
Failed:
    TellFailure Err.Description
End Sub

Public Sub OnSyncNow(control As IRibbonControl)
    On Error GoTo Failed
    Ask "sync", "Dashboard"
    Exit Sub
Failed:
    TellFailure Err.Description
End Sub

Public Sub OnPreview(control As IRibbonControl)
    On Error GoTo Failed
    Ask "preview", "Preview"
    Exit Sub
Failed:
    TellFailure Err.Description
End Sub

Public Sub OnRefresh(control As IRibbonControl)
    On Error GoTo Failed
    Ask "refresh", "Dashboard"
    Exit Sub
Failed:
    TellFailure Err.Description
End Sub

Public Sub OnPause(control As IRibbonControl, pressed As Boolean)
    On Error GoTo Failed
    Pause pressed
    RedrawRibbon
    Exit Sub
Failed:
    TellFailure Err.Description
End Sub

Public Sub OnResync(control As IRibbonControl)
    On Error GoTo Failed
    AskForSelected "resync", ""
    Exit Sub
Failed:
    TellFailure Err.Description
End Sub

Public Sub OnNeverSend(control As IRibbonControl)
    On Error GoTo Failed
    AskForSelected "never-send", "Leave {n} out for good? Resync takes that back."
    Exit Sub
Failed:
    TellFailure Err.Description
End Sub

Public Sub OnSendAgain(control As IRibbonControl)
    On Error GoTo Failed
    AskForSelected "send-again", "Make a new document in Xero for {n}? That is done only where the old one was " _
        & "voided or deleted there."
    Exit Sub
Failed:
    TellFailure Err.Description
End Sub

Public Sub OnOpenInXero(control As IRibbonControl)
    On Error GoTo Failed
    OpenInBrowser "Xero number", "go.xero.com", "There is no link to Xero for this row: the invoice is not in Xero " _
        & "yet, or the agent has not written the link."
    Exit Sub
Failed:
    TellFailure Err.Description
End Sub

Public Sub OnOpenInAutotask(control As IRibbonControl)
    On Error GoTo Failed
    OpenInBrowser "Customer", ".autotask.net", "There is no link to Autotask for this row: the agent has not written " _
        & "one yet."
    Exit Sub
Failed:
    TellFailure Err.Description
End Sub

Public Sub OnWhy(control As IRibbonControl)
    On Error GoTo Failed
    ShowWhy
    Exit Sub
Failed:
    TellFailure Err.Description
End Sub

Public Sub OnResyncFault(control As IRibbonControl)
    On Error GoTo Failed
    AskForFault "resync-fault"
    Exit Sub
Failed:
    TellFailure Err.Description
End Sub

Public Sub OnUseSuggested(control As IRibbonControl)
    On Error GoTo Failed
    AskForSelected "use-suggested", "Use the suggested Xero contact for {n} from now on? The sheet Mappings shows " _
        & "the suggestions, and can be changed."
    Exit Sub
Failed:
    TellFailure Err.Description
End Sub

Public Sub OnCreateInXero(control As IRibbonControl)
    On Error GoTo Failed
    AskForSelected "create-in-xero", "Create the customer of {n} as a new contact in Xero?"
    Exit Sub
Failed:
    TellFailure Err.Description
End Sub

Public Sub OnSendThese(control As IRibbonControl)
    On Error GoTo Failed
    AskForSelected "send-these", "Send {n} to Xero, although they wait for your word?"
    Exit Sub
Failed:
    TellFailure Err.Description
End Sub

Public Sub OnNextFault(control As IRibbonControl)
    On Error GoTo Failed
    ShowNextFault
    Exit Sub
Failed:
    TellFailure Err.Description
End Sub

Public Sub OnFourDecimals(control As IRibbonControl, pressed As Boolean)
    On Error GoTo Failed
    IsChanged "Four decimal places", IIf(pressed, "Yes", "No")
    RedrawRibbon
    Exit Sub
Failed:
    TellFailure Err.Description
End Sub

Public Sub OnCurrency(control As IRibbonControl, selectedId As String, selectedIndex As Integer)
    On Error GoTo Failed
    ChooseCurrency selectedIndex
    RedrawRibbon
    Exit Sub
Failed:
    TellFailure Err.Description
End Sub

Public Sub OnAutotaskNumbers(control As IRibbonControl, pressed As Boolean)
    On Error GoTo Failed
    ChooseNumbers pressed
    RedrawRibbon
    Exit Sub
Failed:
    TellFailure Err.Description
End Sub

Public Sub OnAllSettings(control As IRibbonControl)
    On Error GoTo Failed
    GoToSheet "Settings"
    Exit Sub
Failed:
    TellFailure Err.Description
End Sub

Public Sub OnTest(control As IRibbonControl)
    On Error GoTo Failed
    Ask "test", "Log"
    Exit Sub
Failed:
    TellFailure Err.Description
End Sub

Public Sub OnConnectAutotask(control As IRibbonControl)
    On Error GoTo Failed
    Ask "connect-autotask", "Log"
    Exit Sub
Failed:
    TellFailure Err.Description
End Sub

Public Sub OnConnectXero(control As IRibbonControl)
    On Error GoTo Failed
    Ask "connect-xero", "Log"
    Exit Sub
Failed:
    TellFailure Err.Description
End Sub

Public Sub OnHowToFix(control As IRibbonControl)
    On Error GoTo Failed
    ShowHelp
    Exit Sub
Failed:
    TellFailure Err.Description
End Sub

Public Sub OnBundle(control As IRibbonControl)
    On Error GoTo Failed
    AskForBundle
    Exit Sub
Failed:
    TellFailure Err.Description
End Sub

Public Sub OnAbout(control As IRibbonControl)
    On Error GoTo Failed
    ShowAbout
    Exit Sub
Failed:
    TellFailure Err.Description
End Sub

' What toggles and lists show. They are asked while Excel draws: where one fails it stays as it was, without a word.

Public Sub GetPaused(control As IRibbonControl, ByRef returned)
    On Error GoTo Failed
    returned = IsYes("Paused")
Failed:
End Sub

Public Sub GetPauseLabel(control As IRibbonControl, ByRef returned)
    On Error GoTo Failed
    returned = "Pause"
    If IsYes("Paused") Then returned = "Go on"
Failed:
End Sub

Public Sub GetFourDecimals(control As IRibbonControl, ByRef returned)
    On Error GoTo Failed
    returned = IsYes("Four decimal places")
Failed:
End Sub

Public Sub GetFourDecimalsLabel(control As IRibbonControl, ByRef returned)
    On Error GoTo Failed
    returned = "Four decimals"
    returned = "Four decimals: " & SettingText("Four decimal places")
Failed:
End Sub

Public Sub GetCurrencyCount(control As IRibbonControl, ByRef returned)
    On Error GoTo Failed
    returned = UBound(CurrencyLabels()) + 1
Failed:
End Sub

Public Sub GetCurrencyLabel(control As IRibbonControl, index As Integer, ByRef returned)
    On Error GoTo Failed
    returned = CurrencyLabels()(index)
Failed:
End Sub

Public Sub GetCurrencyIndex(control As IRibbonControl, ByRef returned)
    On Error GoTo Failed
    returned = CurrencyIndex()
Failed:
End Sub

Public Sub GetAutotaskNumbers(control As IRibbonControl, ByRef returned)
    On Error GoTo Failed
    returned = IsYes("Use Autotask Numbers") Or LCase$(SettingText("Use Autotask Numbers")) = "number" _
        Or LCase$(SettingText("Use Autotask Numbers")) = "id"
Failed:
End Sub

Public Sub GetAutotaskNumbersLabel(control As IRibbonControl, ByRef returned)
    On Error GoTo Failed
    returned = "Autotask numbers"
    returned = "Autotask numbers: " & SettingText("Use Autotask Numbers")
Failed:
End Sub
